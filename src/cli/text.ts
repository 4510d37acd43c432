import { styleText } from 'node:util'

/**
 * Text that came from a plugin, a tarball or a key file, made safe for a terminal: control characters (escape sequences
 * move the cursor and rewrite a prompt) and bidirectional overrides are shown as codes.
 */
export function plain(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export type Style = (kind: 'good' | 'bad' | 'dim' | 'strong', text: string) => string

const FORMATS = { good: 'green', bad: 'red', dim: 'dim', strong: 'bold' } as const

/** Colour only repeats what the words say already. */
export function styleFor(enabled: boolean): Style {
  return enabled ? (kind, text) => styleText(FORMATS[kind], text, { validateStream: false }) : (_kind, text) => text
}

/** Columns as wide as their widest cell, two blanks apart; the last one is cut to the terminal. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const all = [header, ...rows].map((row) => row.map(plain))
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string => {
    const text = row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
    const whole = text.trimEnd()
    return whole.length > columns && columns > 20 ? `${whole.slice(0, columns - 1)}…` : whole
  }
  return `${all.map(line).join('\n')}\n`
}

/** `key  value` lines, aligned. */
export function record(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([key]) => key.length))
  return pairs.map(([key, value]) => `${key.padEnd(width)}  ${plain(value)}\n`).join('')
}
