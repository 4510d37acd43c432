"""Reads CSV on standard input and prints it as an aligned table."""

import argparse
import csv
import io
import os
import sys
import unicodedata


class BadInput(Exception):
    """Something in the CSV or the options that no table can be made of."""


def parse_options(args):
    parser = argparse.ArgumentParser(prog="table", description=__doc__)
    parser.add_argument("--delimiter", default=",", metavar="C", help="what stands between fields (default: a comma)")
    parser.add_argument("--no-header", action="store_true", help="the first line is data, not names")
    parser.add_argument("--columns", metavar="A,B", help="print these columns only, in this order")
    parser.add_argument("--max-width", type=int, default=40, metavar="N", help="cut cells that are wider (default: 40)")
    options = parser.parse_args(args)
    if options.delimiter == "\\t":
        options.delimiter = "\t"
    if len(options.delimiter) != 1 or options.delimiter in '"\r\n':
        parser.error("--delimiter takes one character, not a quote or the end of a line")
    if options.max_width < 1:
        parser.error("--max-width takes a number of at least 1")
    if options.columns is not None and options.no_header:
        parser.error("--columns needs the names of a header")
    return options


def decode(data):
    """utf-8-sig, because spreadsheets begin their exports with a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadInput(f"line {line}: byte {error.object[error.start]:#04x} is not UTF-8") from error


def read_rows(text, delimiter):
    """All rows, every one as long as the first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for row in reader:
            if not row:
                continue  # an empty line
            if rows and len(row) != len(rows[0]):
                raise BadInput(f"line {reader.line_num}: expected {len(rows[0])} fields, found {len(row)}")
            rows.append(row)
    except csv.Error as error:
        reason = "a quoted field is never closed" if "end of data" in str(error) else error
        raise BadInput(f"line {reader.line_num}: {reason}") from error
    if not rows:
        raise BadInput("expected CSV on standard input, found nothing")
    return rows


def pick_columns(rows, names):
    unknown = [name for name in names if name not in rows[0]]
    if unknown:
        raise BadInput(f"no column {', '.join(unknown)}: there are {', '.join(map(printable, rows[0]))}")
    places = [rows[0].index(name) for name in names]
    return [[row[place] for place in places] for row in rows]


def printable(cell):
    """A cell must not break the line, nor send the terminal a command of its own."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Zl", "Zp") else "\N{REPLACEMENT CHARACTER}" for c in cell)


def width_of(text):
    """Columns on a terminal: two for wide characters, none for accents and joiners, which sit on the one before."""
    seen = (c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in seen)


def cut(text, width):
    if width_of(text) <= width:
        return text
    while width_of(text) > width - 1:
        text = text[:-1]
    return text + "\N{HORIZONTAL ELLIPSIS}"


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def pad(text, width, right):
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def render(rows, has_header, max_width):
    rows = [[cut(printable(cell), max_width) for cell in row] for row in rows]
    data = rows[1:] if has_header else rows
    columns = range(len(rows[0]))
    widths = [max(width_of(row[i]) for row in rows) for i in columns]
    numeric = [bool(data) and all(is_number(row[i]) for row in data if row[i]) for i in columns]
    for number, row in enumerate(rows):
        yield "  ".join(pad(row[i], widths[i], numeric[i]) for i in columns).rstrip()
        if has_header and number == 0:
            yield "  ".join("-" * width for width in widths)


def main(args):
    options = parse_options(args)
    data = b"" if sys.stdin is None else sys.stdin.buffer.read()
    rows = read_rows(decode(data), options.delimiter)
    if options.columns is not None:
        rows = pick_columns(rows, options.columns.split(","))
    sys.stdout.reconfigure(encoding="utf-8")
    for line in render(rows, not options.no_header, options.max_width):
        print(line)
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadInput as error:
        sys.exit(f"table: cannot read the input: {error}")
    except BrokenPipeError:
        # The reader has seen enough; Python's own flush at exit must not complain about it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
