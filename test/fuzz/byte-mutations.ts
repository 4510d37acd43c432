import { pick, type Random } from './random.ts'

/** What a mutation may take from: other inputs, and words that the format gives a meaning to. */
export interface Ground {
  readonly pool: readonly Buffer[]
  readonly dictionary: readonly string[]
}

export type Mutation = (bytes: Buffer, random: Random, ground: Ground) => Buffer

/** Large enough for every bound that is not about size; what is beyond costs time and finds nothing else. */
export const INPUT_MAX = 128 * 1024
const TOKEN_REPEATS_MAX = 600
const EDGES = [
  0, 1, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2f, 0x30, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xed, 0xef, 0xfe, 0xff,
]

const NUMBERS = ['0', '-0', '-1', '00', '1e0', '1e400', '0x1', '255', '65536', '2147483648', '4294967296']
const LARGE_NUMBERS = ['9007199254740991', '9007199254740993', '18446744073709551616', '9'.repeat(40)]

/** A part of the bytes that begins and ends anywhere. */
function span(bytes: Buffer, random: Random, most = bytes.length): [start: number, end: number] {
  const start = random(bytes.length + 1)
  return [start, Math.min(bytes.length, start + random(Math.max(1, Math.min(most, bytes.length)) + 1))]
}

const spliced = (bytes: Buffer, start: number, end: number, put: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)])

/** Most words stand in the text already, and are then another word; else they are put anywhere. */
const token: Mutation = (bytes, random, { dictionary }) => {
  if (dictionary.length === 0) return bytes
  const put = Buffer.from(pick(dictionary, random), 'latin1')
  const old = Buffer.from(pick(dictionary, random), 'latin1')
  const found = random(2) === 0 ? bytes.indexOf(old, random(bytes.length + 1)) : -1
  if (found >= 0) return spliced(bytes, found, found + old.length, put)
  const start = random(bytes.length + 1)
  return spliced(bytes, start, random(2) === 0 ? start : start + put.length, put)
}

const number: Mutation = (bytes, random) => {
  const runs = [...bytes.toString('latin1').matchAll(/\d+/g)]
  if (runs.length === 0) return bytes
  const run = pick(runs, random)
  const put = Buffer.from(pick([...NUMBERS, ...LARGE_NUMBERS], random))
  return spliced(bytes, run.index, run.index + run[0].length, put)
}

export const BYTE_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a bit is turned': (bytes, random) => {
    if (bytes.length === 0) return bytes
    const copy = Buffer.from(bytes)
    const at = random(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << random(8))
    return copy
  },
  'a byte is another': (bytes, random) => {
    if (bytes.length === 0) return bytes
    const copy = Buffer.from(bytes)
    copy[random(copy.length)] = random(2) === 0 ? random(256) : pick(EDGES, random)
    return copy
  },
  'bytes are put in': (bytes, random) => {
    const at = random(bytes.length + 1)
    const count = 1 + random(8)
    const put = Buffer.from(Array.from({ length: count }, () => (random(2) === 0 ? random(256) : pick(EDGES, random))))
    return spliced(bytes, at, at, put)
  },
  'bytes are taken out': (bytes, random) => {
    const [start, end] = span(bytes, random, random(4) === 0 ? bytes.length : 16)
    return spliced(bytes, start, end, Buffer.alloc(0))
  },
  'a part comes again': (bytes, random) => {
    const [start, end] = span(bytes, random)
    const at = random(bytes.length + 1)
    return spliced(bytes, at, at, bytes.subarray(start, end))
  },
  'a part lies over another': (bytes, random) => {
    const [start, end] = span(bytes, random, 64)
    const at = random(bytes.length + 1)
    return spliced(bytes, at, at + end - start, bytes.subarray(start, end))
  },
  'it goes on as another input': (bytes, random, { pool }) => {
    const other = pick(pool, random)
    return Buffer.concat([bytes.subarray(0, random(bytes.length + 1)), other.subarray(random(other.length + 1))])
  },
  'a part of another input is put in': (bytes, random, { pool }) => {
    const other = pick(pool, random)
    const [start, end] = span(other, random)
    const at = random(bytes.length + 1)
    return spliced(bytes, at, at, other.subarray(start, end))
  },
  'it is cut': (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  'a word of the format': token,
  'a word many times': (bytes, random, { dictionary }) => {
    if (dictionary.length === 0) return bytes
    const at = random(bytes.length + 1)
    const put = Buffer.from(pick(dictionary, random).repeat(1 + random(TOKEN_REPEATS_MAX)), 'latin1')
    return spliced(bytes, at, at, put)
  },
  'a number is another': number,
}

const NAMES = Object.keys(BYTE_MUTATIONS)

export const mutateBytes: Mutation = (bytes, random, ground) =>
  (BYTE_MUTATIONS[pick(NAMES, random)] as Mutation)(bytes, random, ground)
