/** Reads `length` bytes at `offset`; fewer at the end of the file. */
export type ReadAt = (offset: number, length: number) => Buffer

export const MACHINES = { x64: 62, arm64: 183 } as const
export type Machine = keyof typeof MACHINES

/** What the dynamic loader needs to know of a program or library. */
export interface Elf {
  readonly machine: Machine | null
  /** The loader that the kernel starts; `null` in a static program and in most libraries. */
  readonly interpreter: string | null
  readonly needed: readonly string[]
  readonly rpath: readonly string[]
  readonly runpath: readonly string[]
}

const PT_LOAD = 1
const PT_DYNAMIC = 2
const PT_INTERP = 3
const DT_NEEDED = 1n
const DT_STRTAB = 5n
const DT_STRSZ = 10n
const DT_RPATH = 15n
const DT_RUNPATH = 29n

// The files of a plugin are read with this, so everything that the file claims meets a bound.
const SEGMENTS_MAX = 128
const DYNAMIC_BYTES_MAX = 64 * 1024
const STRINGS_BYTES_MAX = 16 * 2 ** 20
const STRING_BYTES_MAX = 4096
const NEEDED_MAX = 256
const FOLDERS_MAX = 32

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: bigint
  readonly size: number
}

/** `null`: not a 64-bit little-endian ELF file, or one that contradicts itself. */
export function readElf(read: ReadAt): Elf | null {
  const head = read(0, 64)
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46) return null
  if (head[4] !== 2 || head[5] !== 1) return null
  const machine = head.readUInt16LE(18)
  const segments = segmentsOf(head, read)
  if (segments === null) return null
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC)
  const interp = segments.find((segment) => segment.type === PT_INTERP)
  const interpreter = interp ? cString(read(interp.offset, Math.min(interp.size, STRING_BYTES_MAX)), 0) : null
  if (interp && !interpreter) return null
  const named = dynamic ? namesOf(dynamic, segments, read) : { needed: [], rpath: [], runpath: [] }
  if (named === null) return null
  const known = (Object.keys(MACHINES) as Machine[]).find((name) => MACHINES[name] === machine)
  return { machine: known ?? null, interpreter, ...named }
}

export const isStatic = (elf: Elf): boolean => elf.interpreter === null && elf.needed.length === 0

function segmentsOf(head: Buffer, read: ReadAt): Segment[] | null {
  const offset = safe(head.readBigUInt64LE(32))
  const size = head.readUInt16LE(54)
  const count = head.readUInt16LE(56)
  if (offset === null || size !== 56 || count > SEGMENTS_MAX) return null
  const table = read(offset, size * count)
  if (table.length < size * count) return null
  const segments: Segment[] = []
  for (let at = 0; at < table.length; at += size) {
    const from = safe(table.readBigUInt64LE(at + 8))
    const length = safe(table.readBigUInt64LE(at + 32))
    if (from === null || length === null) return null
    segments.push({
      type: table.readUInt32LE(at),
      offset: from,
      address: table.readBigUInt64LE(at + 16),
      size: length,
    })
  }
  return segments
}

function namesOf(dynamic: Segment, segments: readonly Segment[], read: ReadAt) {
  const table = read(dynamic.offset, Math.min(dynamic.size, DYNAMIC_BYTES_MAX))
  const found: { tag: bigint; value: bigint }[] = []
  for (let at = 0; at + 16 <= table.length; at += 16) {
    const tag = table.readBigUInt64LE(at)
    if (tag === 0n) break
    found.push({ tag, value: table.readBigUInt64LE(at + 8) })
  }
  const valuesOf = (tag: bigint): bigint[] => found.filter((one) => one.tag === tag).map((one) => one.value)
  const [address] = valuesOf(DT_STRTAB)
  const [length] = valuesOf(DT_STRSZ)
  if (address === undefined || length === undefined) return { needed: [], rpath: [], runpath: [] }
  const home = segments.find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + BigInt(one.size),
  )
  if (!home || length > STRINGS_BYTES_MAX) return null
  const strings = read(home.offset + Number(address - home.address), Number(length))
  const textsOf = (tag: bigint): string[] | null => {
    if (valuesOf(tag).length > NEEDED_MAX) return null
    const texts = valuesOf(tag).map((value) => (value < strings.length ? cString(strings, Number(value)) : null))
    return texts.includes(null) ? null : (texts as string[])
  }
  const needed = textsOf(DT_NEEDED)
  const rpath = textsOf(DT_RPATH)
  const runpath = textsOf(DT_RUNPATH)
  if (!needed || !rpath || !runpath) return null
  const split = (texts: string[]): string[] => texts.flatMap((text) => text.split(':')).filter((part) => part !== '')
  const named = { needed, rpath: split(rpath), runpath: split(runpath) }
  // Every library is looked for in every folder, and in those of whoever needed it.
  const most = Math.max(named.rpath.length, named.runpath.length)
  return needed.length > NEEDED_MAX || most > FOLDERS_MAX ? null : named
}

function cString(bytes: Buffer, from: number): string | null {
  const end = bytes.indexOf(0, from)
  return end < 0 || end - from > STRING_BYTES_MAX ? null : bytes.toString('utf8', from, end)
}

const safe = (value: bigint): number | null => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null)
