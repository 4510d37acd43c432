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

  /** Output of a command: long lines folded, and of many lines the first and the last. */
  output(text, most = 24) {
    const lines = text.trimEnd().split('\n')
    if (text.trim() === '') return
    const cut = lines.length - most
    const shown =
      cut > 1 ? [...lines.slice(0, most - 4), `  … ${cut} more lines …`, ...lines.slice(most - 4 + cut)] : lines
    for (const line of shown) this.#line(fold(line, '    '))
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

/** Breaks a line at blanks; a word longer than the screen stays whole, so that it can be copied. */
function fold(line, indent, mark = '') {
  if (line.length <= COLUMNS) return line
  const lines = []
  let rest = line
  while (rest.length > COLUMNS) {
    const start = lines.length === 0 ? 1 : indent.length
    const before = rest.lastIndexOf(' ', COLUMNS - mark.length)
    const at = before > start ? before : rest.indexOf(' ', COLUMNS)
    if (at <= start) break
    lines.push(rest.slice(0, at).trimEnd() + mark)
    rest = indent + rest.slice(at).trimStart()
  }
  return [...lines, rest].join('\n')
}
