import { printable } from './printable.ts'

export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string }

export interface JsonBounds {
  readonly maxBytes: number
  readonly maxDepth: number
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * JSON.parse with the doors shut that it leaves open: invalid UTF-8, a byte order mark, duplicate keys (two readers would
 * see two documents), `__proto__` keys, nesting without end, halves of surrogate pairs, and numbers beyond 2^53.
 */
export function parseStrictJson(bytes: Uint8Array, bounds: JsonBounds): StrictJson {
  if (bytes.length > bounds.maxBytes)
    return { ok: false, reason: `is ${bytes.length} bytes, more than ${bounds.maxBytes}` }
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return { ok: false, reason: 'is not UTF-8' }
  }
  if (text.charCodeAt(0) === 0xfeff) return { ok: false, reason: 'begins with a byte order mark' }
  // The scan comes first: JSON.parse would spend a stack frame per level before we could count them.
  const fault = scan(text, bounds.maxDepth)
  if (fault !== null) return { ok: false, reason: fault }
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (error) {
    // V8 quotes the text in its message, and the text is not ours.
    return { ok: false, reason: `is not JSON: ${printable((error as Error).message, 200)}` }
  }
}

/** Walks the tokens once. It need not reject bad grammar, JSON.parse does; it must not be fooled by good grammar. */
function scan(text: string, maxDepth: number): string | null {
  const keys: (Set<string> | null)[] = []
  let expectKey = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      const end = stringEnd(text, at)
      if (end < 0) return 'has a string without an end'
      const string = unquote(text, at, end)
      if (string === null) return 'has a malformed string'
      if (!string.isWellFormed()) return 'has half of a surrogate pair in a string'
      const open = keys.at(-1)
      if (expectKey && open) {
        if (string === '__proto__') return 'has a key named __proto__'
        if (open.has(string)) return `has the key "${printable(string, 64)}" twice`
        open.add(string)
        expectKey = false
      }
      at = end
    } else if (code === 0x7b || code === 0x5b) {
      if (keys.length >= maxDepth) return `is nested deeper than ${maxDepth}`
      keys.push(code === 0x7b ? new Set() : null)
      expectKey = code === 0x7b
    } else if (code === 0x7d || code === 0x5d) {
      keys.pop()
      expectKey = false
    } else if (code === 0x2c) {
      expectKey = keys.at(-1) instanceof Set
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      NUMBER.lastIndex = at
      const number = NUMBER.exec(text)?.[0] ?? '-'
      if (Math.abs(Number(number)) > Number.MAX_SAFE_INTEGER)
        return `has a number beyond 2^53: ${number.length > 40 ? `${number.slice(0, 40)}…` : number}`
      at += number.length - 1
    }
  }
  return null
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** The closing quote of the string that opens at `start`: the first one behind an even number of backslashes. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return at
  }
  return -1
}

function unquote(text: string, start: number, end: number): string | null {
  const inner = text.slice(start + 1, end)
  if (!inner.includes('\\')) return inner
  try {
    return JSON.parse(text.slice(start, end + 1)) as string
  } catch {
    return null
  }
}
