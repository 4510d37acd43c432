import { styleText } from 'node:util'

/** Controls, line ends, marks of direction, what cannot be seen. Not the joiners: scripts and emoji are written with them. */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Text that came from a plugin, a tarball, a file's name or a key file, made safe for a terminal: control characters
 * (escape sequences move the cursor and rewrite a prompt, a line end begins a line of its own) and bidirectional
 * overrides are shown as codes.
 */
export function plain(text: string): string {
  return text.replace(UNPRINTABLE, codeOf)
}

/** Everything that looks like a blank, the letters among it too. */
const BLANKS = /[\s\u115f\u1160\u2800\u3164\uffa0]+/gu

/**
 * A stranger's words in a question: a terminal wraps a long line, and with enough blanks in it the rest would look like
 * rows of ours.
 */
export function flowing(text: string, maxLength: number): string {
  const flat = text.replace(BLANKS, ' ').trim()
  return flat.length > maxLength ? `${flat.slice(0, maxLength - 1)}…` : flat
}

/** The same for what must be shown as it is: each blank but a single space is shown as a code. */
export function visible(text: string): string {
  return text.replace(BLANKS, (blanks) => (blanks === ' ' ? ' ' : [...blanks].map(codeOf).join('')))
}

const codeOf = (character: string): string => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`

export type Style = (kind: 'good' | 'bad' | 'dim' | 'strong', text: string) => string

const FORMATS = { good: 'green', bad: 'red', dim: 'dim', strong: 'bold' } as const

/** Colour only repeats what the words say already. */
export function styleFor(enabled: boolean): Style {
  return enabled ? (kind, text) => styleText(FORMATS[kind], text, { validateStream: false }) : (_kind, text) => text
}

/** Key ids are the long cells; so much of one tells it from any other a person has. */
const CELL_MAX = 24

/**
 * Columns as wide as their widest cell, two blanks apart. Where that is wider than the terminal, long cells and then the
 * last column are cut; a pipe gets everything.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const whole = [header, ...rows].map((row) => row.map(plain))
  const widthOf = (all: readonly (readonly string[])[], column: number) =>
    all.reduce((width, row) => Math.max(width, (row[column] ?? '').length), 0)
  const total = header.reduce((sum, _, column) => sum + widthOf(whole, column) + 2, -2)
  const shown = total <= columns ? whole : whole.map((row) => row.map((cell, at) => cut(cell, row, at)))
  const widths = header.map((_, column) => widthOf(shown, column))
  const line = (row: readonly string[]): string => {
    const text = row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
    return text.length > columns && columns > 20 ? `${text.slice(0, columns - 1)}…` : text.trimEnd()
  }
  return `${shown.map(line).join('\n')}\n`
}

const cut = (cell: string, row: readonly string[], column: number): string =>
  column < row.length - 1 && cell.length > CELL_MAX ? `${cell.slice(0, CELL_MAX - 1)}…` : cell

/** Thousandths as people read them. */
export const percent = (permille: number): string => `${Math.round(permille) / 10}%`

/** How long ago, in its two largest units; a clock that was set back makes it nothing, not less. */
export function age(ms: number): string {
  const units = [86_400, 3_600, 60, 1].map((seconds) => Math.floor(Math.max(0, ms) / 1000 / seconds))
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = units
  if (days > 0) return `${days}d ${hours % 24}h`
  if (hours > 0) return `${hours}h ${minutes % 60}m`
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`
}

/** `key  value` lines, aligned. */
export function record(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([key]) => key.length))
  return pairs.map(([key, value]) => `${key.padEnd(width)}  ${plain(value)}\n`).join('')
}
