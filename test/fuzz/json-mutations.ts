import { changed, type Json, places } from '../helpers/edited.ts'
import { type Ground, type Mutation, mutateBytes } from './byte-mutations.ts'
import { pick, type Random } from './random.ts'

type Path = readonly (string | number)[]
type Tree = Readonly<Record<string, unknown>> | readonly unknown[]
/** A document with one place changed, or its text where only the text can say it. */
type Change = (tree: Tree, random: Random, ground: Ground) => unknown

const STRANGE: readonly Json[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.1,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  'x',
  '\u0000',
  '\u001b[2J',
  '\u009b31m',
  '\u202e',
  '\ud800',
  '\ufeff',
  'é',
  '__proto__',
  'constructor',
  'toString',
  '../x',
  '/',
  '*/*',
  [],
  [[]],
  {},
  { a: 1 },
]
/** Texts for one value that JSON.stringify would never write; some say the same as what it writes, some nothing. */
const SPELLED = ['-0', '1.0', '1e0', '10E-1', '1e400', '9007199254740993', '01', '.5', 'NaN', 'undefined', '"\\u0061"']
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', '', 'x', '0', '\u0000']
const RAW = /"@raw:([^@]*)@"/g
const DEEP = [3, 9, 17, 200, 5000]
const REPEATS = [2, 3, 17, 70, 600]

const at = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>((holder, step) => (holder as Record<string | number, unknown>)[step], tree)
const somewhere = (tree: Tree, random: Random): Path => pick([...places(tree)], random) ?? []
const text = (value: unknown): string => JSON.stringify(value).replaceAll(RAW, '$1')
const word = (random: Random, { dictionary }: Ground): string => pick(dictionary.length > 0 ? dictionary : KEYS, random)

function renamed(tree: Tree, random: Random, name: string): unknown {
  const path = somewhere(tree, random)
  const last = path.at(-1)
  if (typeof last !== 'string') return changed(tree, path, name)
  const holder = path.slice(0, -1)
  const entries = Object.entries(at(tree, holder) as object).map(([key, value]) => [key === last ? name : key, value])
  return changed(tree, holder, Object.fromEntries(entries) as Json)
}

/** A key twice, with the value it has or with another: two readers then see two documents. */
function doubled(tree: Tree, random: Random): string {
  const whole = text(tree)
  const keys = [...whole.matchAll(/"(?:[^"\\]|\\.)*":/g)]
  if (keys.length === 0) return whole
  const key = pick(keys, random)
  return `${whole.slice(0, key.index)}${key[0]}${text(pick(STRANGE, random))},${whole.slice(key.index)}`
}

/** One character of a string in another spelling: the same value for every reader. */
function escaped(tree: Tree, random: Random): string {
  const whole = text(tree)
  const letters = [...whole.matchAll(/(?<=[a-z])[a-z](?=[a-z]*")/g)]
  if (letters.length === 0) return whole
  const { index, 0: letter } = pick(letters, random)
  const code = letter.charCodeAt(0).toString(16).padStart(4, '0')
  return `${whole.slice(0, index)}\\u${code}${whole.slice(index + 1)}`
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4}){6,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const isPacked = (value: unknown): boolean => typeof value === 'string' && BASE64.test(value)

/** What lies packed in a string, DER or JSON, changed and packed again: a byte of the base64 alone would seldom be any. */
const insideString: Change = (tree, random, ground) => {
  const packed = [...places(tree)].filter((path) => isPacked(at(tree, path)))
  const path = pick(packed, random)
  if (path === undefined) return tree
  const bytes = Buffer.from(String(at(tree, path)), 'base64')
  const made = mutateDocument(bytes, random, { ...ground, pool: [bytes] }) ?? mutateBytes(bytes, random, ground)
  return changed(tree, path, made.toString('base64'))
}

const CHANGES: readonly Change[] = [
  insideString,
  insideString,
  (tree, random) => changed(tree, somewhere(tree, random), pick(STRANGE, random)),
  (tree, random) => changed(tree, somewhere(tree, random), pick(STRANGE, random)),
  (tree, random) => changed(tree, somewhere(tree, random), undefined),
  (tree, random, ground) => changed(tree, somewhere(tree, random), word(random, ground)),
  (tree, random) => text(changed(tree, somewhere(tree, random), `@raw:${pick(SPELLED, random)}@`)),
  (tree, random, ground) => renamed(tree, random, random(3) === 0 ? pick(KEYS, random) : word(random, ground)),
  doubled,
  escaped,
  // The value of another place.
  (tree, random) => changed(tree, somewhere(tree, random), at(tree, somewhere(tree, random)) as Json),
  // A new key beside others.
  (tree, random, ground) => {
    const holders = [[], ...places(tree)].filter((path) => isRecord(at(tree, path)))
    const holder = pick(holders, random) ?? []
    return changed(tree, [...holder, word(random, ground)], pick(STRANGE, random))
  },
  // Something of another document, in the same place or in any.
  (tree, random, { pool }) => {
    const other = treeOf(pick(pool, random))
    if (other === null) return tree
    const path = somewhere(other, random)
    const isThere = [...places(tree)].some((place) => place.join('\0') === path.join('\0'))
    return changed(tree, isThere && random(2) === 0 ? path : somewhere(tree, random), at(other, path) as Json)
  },
  // A list of many.
  (tree, random) => {
    const lists = [...places(tree)].filter((path) => Array.isArray(at(tree, path)))
    const list = pick(lists, random)
    if (list === undefined) return tree
    const items = at(tree, list) as Json[]
    return changed(
      tree,
      list,
      Array.from({ length: pick(REPEATS, random) }, (_, index) => items[index % (items.length || 1)] ?? null),
    )
  },
  (tree, random) => {
    const depth = pick(DEEP, random)
    const nested = `@raw:${'['.repeat(depth)}${']'.repeat(depth)}@`
    return text(changed(tree, somewhere(tree, random), nested))
  },
  // A string that is a little longer, shorter or other.
  (tree, random, ground) => {
    const strings = [...places(tree)].filter((path) => typeof at(tree, path) === 'string')
    const path = pick(strings, random)
    if (path === undefined) return tree
    const bytes = Buffer.from(at(tree, path) as string)
    return changed(tree, path, mutateBytes(bytes, random, { ...ground, pool: [bytes] }).toString('utf8'))
  },
]

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is nested deeper or is larger than this is changed as bytes: walking it would take longer than trying it. */
const DEPTH_MAX = 40
const DOCUMENT_MAX = 24 * 1024

function depthOf(bytes: Buffer): number {
  let depth = 0
  let most = 0
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) most = Math.max(most, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return most
}

function treeOf(bytes: Buffer): Tree | null {
  if (bytes.length > DOCUMENT_MAX || depthOf(bytes) > DEPTH_MAX) return null
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null && Object.keys(value).length > 0 ? (value as Tree) : null
  } catch {
    return null
  }
}

function mutateDocument(bytes: Buffer, random: Random, ground: Ground): Buffer | null {
  const tree = treeOf(bytes)
  if (tree === null) return null
  const made = pick(CHANGES, random)(tree, random, ground)
  return Buffer.from(typeof made === 'string' ? made : (text(made ?? null) ?? ''))
}

const LF = 0x0a

/** Changes the document that the bytes are, or one line of JSON Lines; what is no JSON is changed as bytes. */
export const mutateJson: Mutation = (bytes, random, ground) => {
  if (random(3) === 0) return mutateBytes(bytes, random, ground)
  const whole = mutateDocument(bytes, random, ground)
  if (whole !== null) return bytes.at(-1) === LF ? Buffer.concat([whole, Buffer.from('\n')]) : whole
  const lines = bytes.toString('latin1').split('\n')
  const which = random(lines.length)
  const line = mutateDocument(Buffer.from(lines[which] ?? '', 'latin1'), random, ground)
  if (line === null) return mutateBytes(bytes, random, ground)
  return Buffer.from(lines.with(which, line.toString('latin1')).join('\n'), 'latin1')
}
