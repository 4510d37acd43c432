import { entryFault, malformed } from './archive-fault.ts'

export const BLOCK = 512
/** Both write plain octal headers; only the first has a `prefix` field. */
export type TarMagic = 'ustar' | 'gnu'

/** One 512-byte header whose checksum holds, as far as Bulkhead looks at it: owners, times and devices are never used. */
export interface TarHeader {
  readonly magic: TarMagic
  /** POSIX.1 typeflag, one character; NUL is read as `0`, a file. */
  readonly type: string
  /** Raw bytes, the prefix included. */
  readonly name: Buffer
  readonly mode: number
  readonly size: number
}

const MAGIC_USTAR = Buffer.from('ustar\x0000', 'latin1')
const MAGIC_GNU = Buffer.from('ustar  \0', 'latin1')
const ZERO = Buffer.alloc(BLOCK)

export const isZeroBlock = (block: Buffer): boolean => block.equals(ZERO)

/** POSIX.1-2024 pax, "ustar Interchange Format". `at` is where the block lies, for messages. */
export function parseHeader(block: Buffer, at: number): TarHeader {
  const stated = octal(block, 148, 8)
  if (stated === null || stated !== checksumOf(block)) throw malformed(`the header at byte ${at} has a wrong checksum`)
  const magic = magicOf(block)
  if (magic === null) throw malformed(`the header at byte ${at} is neither ustar, pax nor GNU tar`)
  const name = nameOf(block, magic, at)
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156] ?? 0)
  const size = octal(block, 124, 12)
  if (size === null) throw entryFault('ARCHIVE_MALFORMED', name, 'its size is not an octal number')
  const mode = octal(block, 100, 8)
  if (mode === null) throw entryFault('ARCHIVE_MALFORMED', name, 'its mode is not an octal number')
  return { magic, type, name, mode, size }
}

/** True when the header names a link's target, whatever its type says. */
export const hasLinkName = (block: Buffer): boolean => block[157] !== 0

/** The unsigned sum only: the signed one of old Sun tars lets two readers accept different headers. */
function checksumOf(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0
  for (let at = 156; at < BLOCK; at++) sum += block[at] ?? 0
  return sum
}

function magicOf(block: Buffer): TarMagic | null {
  if (block.compare(MAGIC_USTAR, 0, 8, 257, 265) === 0) return 'ustar'
  return block.compare(MAGIC_GNU, 0, 8, 257, 265) === 0 ? 'gnu' : null
}

function nameOf(block: Buffer, magic: TarMagic, at: number): Buffer {
  const name = text(block, 0, 100)
  const linkName = text(block, 157, 100)
  if (name === null || linkName === null) throw malformed(`the header at byte ${at} has bytes after the end of a name`)
  if (magic === 'gnu') {
    // GNU tar keeps times, sparse maps and continuations where ustar has its prefix; a plain archive has none of them.
    if (block.compare(ZERO, 0, BLOCK - 345, 345, BLOCK) !== 0) {
      throw entryFault('ARCHIVE_UNSAFE', name, 'it uses GNU extensions (incremental, sparse or multi-volume)')
    }
    return name
  }
  const prefix = text(block, 345, 155)
  if (prefix === null || block.compare(ZERO, 0, 12, 500, BLOCK) !== 0) {
    throw malformed(`the header at byte ${at} has bytes in its unused part`)
  }
  return prefix.length === 0 ? name : Buffer.concat([prefix, SLASH, name])
}

const SLASH = Buffer.from('/')

/** Up to the first NUL; `null` when anything but NUL follows it, since readers differ on where such a name ends. */
function text(block: Buffer, start: number, length: number): Buffer | null {
  const field = block.subarray(start, start + length)
  const end = field.indexOf(0)
  if (end < 0) return field
  return field.compare(ZERO, 0, length - end, end, length) === 0 ? field.subarray(0, end) : null
}

const OCTAL = /^ *([0-7]+)[ \0]*$/

/** Digits, padded by blanks before and blanks or NULs after. Signs and base-256 (top bit set) are no octal numbers. */
function octal(block: Buffer, start: number, length: number): number | null {
  const digits = OCTAL.exec(block.toString('latin1', start, start + length))?.[1]
  return digits === undefined ? null : Number.parseInt(digits, 8)
}
