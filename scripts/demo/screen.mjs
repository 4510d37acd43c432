import { styleText } from 'node:util'

const COLUMNS = 80

/** What the demo shows: commands as somebody would type them, and what they answered. Colour only repeats the words. */
export class Screen {
  #out

  constructor(out = process.stdout) {
    this.#out = out
  }

  chapter(title) {
    this.#line(`\n${this.#style(['bold', 'underline'], title)}\n`)
  }

  say(text) {
    this.#line(this.#style('dim', fold(`# ${text}`, '# ')))
  }

  command(text) {
    this.#line(this.#style('bold', fold(`$ ${text}`, '    ', ' \\')))
  }

  /** What a command printed, as it printed it: the terminal wraps, so that what is too long can still be copied. */
  output(text) {
    if (text.trim() !== '') this.#line(text.trimEnd())
  }

  /** What the demo itself found out. */
  show(text) {
    for (const line of text.split('\n')) this.#line(fold(line, '    '))
  }

  passed(text) {
    this.#line(this.#style('green', fold(`✓ ${text}`, '  ')))
  }

  failed(text) {
    this.#line(this.#style('red', fold(`✗ ${text}`, '  ')))
  }

  gap() {
    this.#line('')
  }

  /** Columns as wide as their widest cell; those named in `right` are numbers. */
  table(header, rows, right = []) {
    const all = [header, ...rows].map((row) => row.map(String))
    const widths = header.map((_, i) => Math.max(...all.map((row) => row[i].length)))
    const pad = (cell, i) => (right.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
    for (const [index, row] of all.entries()) {
      const line = row.map(pad).join('  ').trimEnd()
      this.#line(index === 0 ? this.#style('bold', line) : line)
    }
  }

  // NO_COLOR, and whether this is a terminal at all, are looked at by styleText.
  #style(format, text) {
    return styleText(format, text, { stream: this.#out })
  }

  #line(text) {
    this.#out.write(`${text}\n`)
  }
}

/** Breaks a line at blanks; a digest or a path stays whole. */
function fold(line, indent, mark = '') {
  const lines = []
  let rest = line
  while (rest.length > COLUMNS) {
    const at = rest.lastIndexOf(' ', COLUMNS - mark.length)
    if (at < COLUMNS / 2) break
    lines.push(rest.slice(0, at).trimEnd() + mark)
    rest = indent + rest.slice(at).trim()
  }
  return [...lines, rest].join('\n')
}
