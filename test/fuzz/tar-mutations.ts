import { crc32, deflateRawSync, gunzipSync } from 'node:zlib'
import { END, paxPart, paxRecord, tarPart } from '../helpers/hostile-archive.ts'
import { type Ground, type Mutation, mutateBytes } from './byte-mutations.ts'
import { pick, type Random } from './random.ts'

const BLOCK = 512
/** An archive of more is a bomb, and bombs have tests of their own. */
const UNPACKED_MAX = 2 ** 20

/** POSIX.1 ustar: where each field lies. */
const FIELDS: readonly (readonly [start: number, length: number])[] = [
  [0, 100],
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [136, 12],
  [148, 8],
  [156, 1],
  [157, 100],
  [257, 6],
  [263, 2],
  [265, 32],
  [297, 32],
  [329, 8],
  [337, 8],
  [345, 155],
  [500, 12],
]
const SIZES = ['00000000000\0', '00000000001\0', '00000001000\0', '77777777777\0', '-0000000001\0', '       17 \0\0\0']
const BASE_256 = ['\x80\0\0\0\0\0\0\0\0\0\0\x01', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff']
const NAMES = [
  'plugin.json',
  'package/plugin.json',
  '../x',
  '/x',
  './x',
  'a/../b',
  'a//b',
  'A',
  'a',
  'package/',
  'x\\y',
]
const ODD_NAMES = [
  '',
  '.',
  '..',
  'CON',
  'a\0b',
  'é',
  'e\u0301',
  '\u202e',
  '\x1b[2J',
  `${'d/'.repeat(40)}f`,
  'x'.repeat(99),
]
const TYPES = ['0', '\0', '1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', 'N', 'V', 'X', 'Z']
const MODES = ['0000644\0', '0000755\0', '0004755\0', '0100644\0', '0040755\0', '0120777\0', '    644 ', '0000000\0']
const MAGICS = ['ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0', 'ustar\x0001']
const PAX_KEYS = [
  'path',
  'size',
  'linkpath',
  'mtime',
  'uid',
  'hdrcharset',
  'charset',
  'comment',
  'GNU.sparse.major',
  'x',
]
const PAX_VALUES = ['0', '1', 'a', '../x', 'plugin.json', 'package/a', 'ISO-IR 10646 2000 UTF-8', 'BINARY', '1\n', '']

interface Span {
  readonly start: number
  readonly end: number
}

/** Header and body of each entry, as far as the sizes lead. */
export function entriesOf(tar: Buffer): Span[] {
  const found: Span[] = []
  for (let start = 0; start + BLOCK <= tar.length; ) {
    if (tar[start] === 0) break
    const size = Number.parseInt(tar.toString('latin1', start + 124, start + 136), 8)
    const end = start + BLOCK + Math.ceil((size > 0 ? size : 0) / BLOCK) * BLOCK
    if (!(end <= tar.length)) break
    found.push({ start, end })
    start = end
  }
  return found
}

/** Writes the checksum that the header at `start` should have. */
export function resum(tar: Buffer, start: number): void {
  tar.write('        ', start + 148, 'latin1')
  const sum = tar.subarray(start, start + BLOCK).reduce((total, byte) => total + byte, 0)
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, start + 148, 'latin1')
}

const put = (tar: Buffer, start: number, length: number, value: string): void => {
  tar.fill(0, start, start + length)
  tar.write(value.slice(0, length), start, 'latin1')
}
const cut = (tar: Buffer, { start, end }: Span): Buffer => tar.subarray(start, end)
const insert = (tar: Buffer, at: number, ...parts: readonly Buffer[]): Buffer =>
  Buffer.concat([tar.subarray(0, at), ...parts, tar.subarray(at)])

type Change = (tar: Buffer, entry: Span, random: Random, ground: Ground) => Buffer

/** Fields that decide something, each with values that mean something. */
const MEANINGFUL: readonly (readonly [start: number, length: number, values: readonly string[]])[] = [
  [0, 100, [...NAMES, ...ODD_NAMES]],
  [100, 8, MODES],
  [124, 12, [...SIZES, ...BASE_256]],
  [156, 1, TYPES],
  [157, 100, ['', 'plugin.json', '/etc/passwd', '../x']],
  [257, 8, MAGICS],
  [345, 155, ['', 'package', 'a/b', '..', 'x'.repeat(155)]],
]

const field: Change = (tar, { start }, random) => {
  const copy = Buffer.from(tar)
  const [offset, length, values] = pick(MEANINGFUL, random)
  put(copy, start + offset, length, pick(values, random))
  return copy
}

const CHANGES: readonly Change[] = [
  field,
  field,
  field,
  (tar, { start }, random) => {
    const copy = Buffer.from(tar)
    const [offset, length] = pick(FIELDS, random)
    copy[start + offset + random(length)] = random(256)
    return copy
  },
  (tar, entry) => insert(tar, entry.end, cut(tar, entry)),
  (tar, { start, end }) => Buffer.concat([tar.subarray(0, start), tar.subarray(end)]),
  (tar, entry, random) => insert(tar, pick(entriesOf(tar), random)?.start ?? 0, cut(tar, entry)),
  (tar, { start }, random) => {
    const records = Array.from(
      { length: 1 + random(3) },
      () => [pick(PAX_KEYS, random), pick(PAX_VALUES, random)] as const,
    )
    return insert(tar, start, paxPart(records, pick(['x', 'x', 'x', 'g'], random)))
  },
  // The size again, as npm writes it; or a record whose own length is wrong.
  (tar, { start }, random) => {
    const size = Number.parseInt(tar.toString('latin1', start + 124, start + 136), 8)
    const body =
      random(2) === 0 ? paxRecord('size', String(size + random(2))) : pick(['9 a=b\n', '6 a=\n', '1'], random)
    return insert(tar, start, tarPart({ name: 'PaxHeaders/x', type: 'x', body }))
  },
  (tar, { start }, random) => {
    const name = `${pick([...NAMES, ...ODD_NAMES], random)}\0`
    return insert(tar, start, tarPart({ name: '././@LongLink', type: 'L', magic: 'gnu', body: name }))
  },
  (tar, { start }, random) => insert(tar, start, Buffer.alloc(BLOCK * (1 + random(3)))),
  (tar, { start, end }, random, ground) => {
    const body = mutateBytes(Buffer.from(tar.subarray(start + BLOCK, end)), random, ground)
    return Buffer.concat([tar.subarray(0, start + BLOCK), body, tar.subarray(end)])
  },
  (tar, _, random) => tar.subarray(0, Math.max(0, tar.length - BLOCK * (1 + random(4)))),
  (tar, _, random) => Buffer.concat([tar, Buffer.alloc(BLOCK * random(24))]),
  (tar, entry) => Buffer.concat([tar, cut(tar, entry), END]),
  (tar, _, random, { pool }) => {
    const other = unpacked(pick(pool, random))
    const entry = other && pick(entriesOf(other), random)
    return other && entry ? insert(tar, 0, cut(other, entry)) : tar
  },
]

export const mutateTar: Mutation = (tar, random, ground) => {
  const entry = pick(entriesOf(tar), random)
  if (entry === undefined || random(8) === 0) return mutateBytes(tar, random, ground)
  const made = pick(CHANGES, random)(tar, entry, random, ground)
  // Behind a wrong checksum nobody reads on, so most are made right.
  const copy = Buffer.from(made)
  if (random(8) !== 0) for (const { start } of entriesOf(copy)) resum(copy, start)
  return copy
}

/** `null` when it cannot be read, which is what most changes of compressed bytes come to. */
export function unpacked(bytes: Buffer): Buffer | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_MAX })
  } catch {
    return null
  }
}

/** RFC 1952: one member, with whatever header fields are asked for. */
export function packed(tar: Buffer, flags = 0, fields: Buffer = Buffer.alloc(0)): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(tar), 0)
  trailer.writeUInt32LE(tar.length % 2 ** 32, 4)
  const header = Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3])
  return Buffer.concat([header, fields, deflateRawSync(tar, { level: 1 }), trailer])
}

const GZIPS: readonly ((tar: Buffer, random: Random) => Buffer)[] = [
  (tar) => packed(tar, 0x08, Buffer.from('name.tar\0')),
  (tar) => packed(tar, 0x10, Buffer.from('a comment\0')),
  (tar) => packed(tar, 0x08, Buffer.alloc(5000, 0x61)),
  (tar) => packed(tar, 0x04, Buffer.from([4, 0, 0x41, 0x42, 0, 0])),
  (tar) => packed(tar, 0x02, Buffer.from([0, 0])),
  (tar, random) => packed(tar, random(256)),
  (tar) => Buffer.concat([packed(tar), packed(END)]),
  (tar) => Buffer.concat([packed(tar.subarray(0, BLOCK)), packed(tar.subarray(BLOCK))]),
  (tar) => Buffer.concat([packed(tar), Buffer.alloc(1)]),
  (tar, random) => {
    const bytes = packed(tar)
    const at = bytes.length - 1 - random(8)
    bytes[at] = random(256)
    return bytes
  },
]

/** Changes the archive inside and packs it again; now and then the packing itself. */
export const mutateTarball: Mutation = (bytes, random, ground) => {
  const tar = unpacked(bytes)
  if (tar === null || random(8) === 0) return mutateBytes(bytes, random, ground)
  const made = mutateTar(tar, random, ground)
  return random(10) === 0 ? pick(GZIPS, random)(made, random) : packed(made)
}
