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
 * see two documents), `__proto__` keys, nesting without end, and integers that a double cannot hold.
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
    return { ok: false, reason: `is not JSON: ${(error as Error).message}` }
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
      const open = keys.at(-1)
      if (expectKey && open) {
        const key = unescapeKey(text.slice(at, end + 1))
        if (key === null) return 'has a malformed key'
        if (key === '__proto__') return 'has a key named __proto__'
        if (open.has(key)) return `has the key ${JSON.stringify(key.slice(0, 64))} twice`
        open.add(key)
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
      const number = NUMBER.exec(text.slice(at, at + 400))?.[0] ?? ''
      if (/^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)))
        return `has an integer beyond 2^53: ${number.slice(0, 40)}`
      if (!Number.isFinite(Number(number))) return `has a number that no double holds: ${number.slice(0, 40)}`
      at += Math.max(number.length, 1) - 1
    }
  }
  return null
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) at++
    else if (code === 0x22) return at
  }
  return -1
}

function unescapeKey(quoted: string): string | null {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted) as string
  } catch {
    return null
  }
}
