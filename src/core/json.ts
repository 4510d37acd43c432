import { printable } from './printable.ts'

export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string }

export interface JsonBounds {
  readonly maxBytes: number
  readonly maxDepth: number
  /** Bytes outside strings, which bound how many values there are: a few megabytes of `[],[],[]` make a heap of them. */
  readonly maxStructure?: number
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * JSON.parse with the doors shut that it leaves open: invalid UTF-8, a byte order mark, duplicate keys (two readers would
 * see two documents), `__proto__` keys, nesting without end, halves of surrogate pairs, and numbers beyond 2^53.
 */
export function parseStrictJson(bytes: Uint8Array, bounds: JsonBounds): StrictJson {
  try {
    return { ok: true, value: parse(bytes, bounds) }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, reason: error.message }
    throw error
  }
}

class Refusal extends Error {}

function parse(bytes: Uint8Array, bounds: JsonBounds): unknown {
  if (bytes.length > bounds.maxBytes) throw new Refusal(`is ${bytes.length} bytes, more than ${bounds.maxBytes}`)
  const text = decode(bytes)
  if (text.charCodeAt(0) === 0xfeff) throw new Refusal('begins with a byte order mark')
  const strings = countStrings(text)
  if (strings.outside > (bounds.maxStructure ?? bounds.maxBytes)) {
    throw new Refusal(`has ${strings.outside} bytes outside its strings, more than ${bounds.maxStructure}`)
  }
  const value = parseLoosely(text)
  // JSON.parse keeps the last of two equal keys. Then the document has more keys than the value.
  if (countKeys(value, bounds.maxDepth) !== strings.keys) throw new Refusal(duplicateIn(text))
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new Refusal('is not UTF-8')
  }
}

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // V8 quotes the text in its message, and the text is not ours.
    throw new Refusal(`is not JSON: ${printable((error as Error).message, 200)}`)
  }
}

/** From string to string by indexOf: a look at each character would cost more than all the rest. */
function countStrings(text: string): { keys: number; outside: number } {
  let keys = 0
  let outside = text.length
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = stringEnd(text, start)
    outside -= end - start - 1
    if (isKey(text, end)) keys++
    start = text.indexOf('"', end + 1)
  }
  return { keys, outside }
}

/** The closing quote of the string that opens at `start`: the first one behind an even number of backslashes. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return at
  }
  throw new Refusal('has a string without an end')
}

const COLON = 0x3a

/** A string is a key exactly when a colon follows; blanks may stand between. */
function isKey(text: string, end: number): boolean {
  let at = end + 1
  let code = text.charCodeAt(at)
  while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++at)
  return code === COLON
}

/** Counts the keys of a parsed value, and refuses what no honest document holds. */
function countKeys(value: unknown, depthLeft: number): number {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new Refusal('has half of a surrogate pair in a string')
    return 0
  }
  if (typeof value === 'number') {
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new Refusal(`has a number beyond 2^53: ${value}`)
    return 0
  }
  if (typeof value !== 'object' || value === null) return 0
  if (depthLeft === 0) throw new Refusal('is nested too deep')
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) count += countKeys(item, depthLeft - 1)
    return count
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw new Refusal('has a key named __proto__')
    if (!key.isWellFormed()) throw new Refusal('has half of a surrogate pair in a key')
    count += 1 + countKeys((value as Readonly<Record<string, unknown>>)[key], depthLeft - 1)
  }
  return count
}

/** Which key is there twice: asked only once it is known that one is, and that the grammar is good. */
function duplicateIn(text: string): string {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text[at]
    if (code === '{' || code === '[') open.push(new Set())
    else if (code === '}' || code === ']') open.pop()
    else if (code === '"') {
      const end = stringEnd(text, at)
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end + 1)) as string
        if (open.at(-1)?.has(key)) return `has the key "${printable(key, 64)}" twice`
        open.at(-1)?.add(key)
      }
      at = end
    }
  }
  return 'has a key twice'
}
