import { styleText } from 'node:util'
import { fit, fold, padded, widthOf } from './width.ts'

/** Controls, line ends, marks of direction, what cannot be seen. Not the joiners: scripts and emoji are written with them. */
const unprintable = () => /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Text that came from a plugin, a tarball, a file's name or a key file, made safe for a terminal: control characters
 * (escape sequences move the cursor and rewrite a prompt, a line end begins a line of its own) and bidirectional
 * overrides are shown as codes.
 */
export function plain(text: string): string {
  return text.replace(unprintable(), codeOf)
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

/** Between two columns. */
const GAP = 2
/** So much of a cell is always shown: enough to tell one key id from the others a person has. */
const CELL_MIN = 12
/** The last column holds sentences, and is worth more. */
const LAST_MIN = 16
/** Below that, a row for each cell reads better than a row of them. */
const NARROW = 48

/**
 * Columns as wide as their widest cell. Where that is wider than the terminal, the widest columns are cut until it fits, and a
 * row never wraps; where little would be left of them, each row is shown as lines of its own. A pipe gets everything.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const whole = [header, ...rows].map((row) => row.map(plain))
  const natural = header.map((_, at) => whole.reduce((width, row) => Math.max(width, widthOf(row[at] ?? '')), 0))
  const widths = fitting(natural, header.map(leastOf(natural, columns)), columns)
  if (widths === null) return records(whole, columns)
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => padded(fit(cell, widths[at] ?? 0), widths[at] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd()
  return `${whole.map(line).join('\n')}\n`
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

/** What is shown of a column at least. A name is what the next command is given: there half of one is none. */
const leastOf =
  (natural: readonly number[], columns: number) =>
  (heading: string, at: number): number => {
    const isName = heading === 'NAME' || heading === 'PLUGIN'
    const most = isName ? Math.floor(columns / 2) : at === natural.length - 1 ? LAST_MIN : CELL_MIN
    return Math.min(natural[at] ?? 0, most)
  }

/** What each column is given: the widest ones give way first. `null`: there is no room for a table. */
function fitting(natural: readonly number[], least: readonly number[], columns: number): readonly number[] | null {
  const room = columns - GAP * (natural.length - 1)
  if (sum(natural) <= room) return natural
  if (columns < NARROW || sum(least) > room) return null
  const widths = natural.map((width) => Math.min(width, room))
  while (sum(widths) > room) {
    const cuttable = widths.map((width, at) => (width > (least[at] ?? 0) ? width : 0))
    const widest = cuttable.indexOf(Math.max(...cuttable))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/** A line for each cell, its heading before it; what is too long goes on below, indented. */
function records([header = [], ...rows]: readonly (readonly string[])[], columns: number): string {
  const width = Math.max(...header.map(widthOf))
  const indent = ' '.repeat(width + GAP)
  return rows
    .map((row) =>
      row
        .map((cell, at) => {
          const [first = '', ...rest] = fold(cell, columns - indent.length)
          return (
            `${padded(header[at] ?? '', width + GAP)}${first}`.trimEnd() +
            rest.map((line) => `\n${indent}${line}`).join('')
          )
        })
        .join('\n'),
    )
    .map((lines) => `${lines}\n`)
    .join('\n')
}

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

/** `key  value` lines, aligned. A sentence goes on below itself; what is one word is left whole, to be copied. */
export function record(
  pairs: readonly (readonly [string, string])[],
  columns: number = Number.POSITIVE_INFINITY,
): string {
  const width = Math.max(...pairs.map(([key]) => widthOf(key))) + GAP
  const room = columns - width
  const linesOf = (value: string) =>
    value.split(' ').every((word) => widthOf(word) <= room) ? fold(value, room) : [value]
  return pairs
    .map(([key, value]) => `${padded(key, width)}${linesOf(plain(value)).join(`\n${' '.repeat(width)}`)}\n`)
    .join('')
}

/** `1 plugin`, `2 plugins`. */
export const counted = (count: number, what: string): string => `${count} ${count === 1 ? what : `${what}s`}`

/** A run of a plugin in a table: with what its host calls the instance, as `ps -ef` has it. */
export const called = ({ name, instance }: { readonly name: string; readonly instance: string | null }): string =>
  instance === null ? name : `${name} ${instance}`
