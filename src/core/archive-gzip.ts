import { crc32, inflateRawSync, type ZlibOptions } from 'node:zlib'
import type { ArchiveBounds } from './archive.ts'
import { malformed, tooLarge } from './archive-fault.ts'

// RFC 1952, 2.3.1: the flag bits of a member's header.
const FTEXT = 0x01
const FNAME = 0x08
const FCOMMENT = 0x10
const FIXED_HEADER = 10
const TRAILER = 8
/** RFC 1952 sets no bound on name and comment; nobody's file name is longer. */
const TEXT_MAX = 4096
const CHUNK_MIN = 64 * 1024
/** 258 bytes in two bits, and a little for the blocks' headers. */
const DEFLATE_MAX_RATIO = 1032

/**
 * Inflates exactly one gzip member. Readers disagree about what follows it (gunzip concatenates members, some stop at the
 * first, some skip garbage), so anything that follows is refused, as is a header field that readers treat differently.
 */
export function decompress(bytes: Buffer, bounds: Pick<ArchiveBounds, 'unpackedBytes'>): Buffer {
  const start = bodyStart(bytes)
  if (bytes.length < start + TRAILER + 1) throw malformed(`it is cut short: ${bytes.length} bytes`)
  const claimed = bytes.readUInt32LE(bytes.length - 4)
  if (claimed > DEFLATE_MAX_RATIO * bytes.length) {
    throw malformed(`its gzip trailer says ${claimed} bytes, which cannot be: it is damaged, or something follows it`)
  }
  if (claimed > bounds.unpackedBytes) {
    throw tooLarge(`it says that it unpacks to ${claimed} bytes; the bound is ${bounds.unpackedBytes}`)
  }
  const { output, consumed } = inflate(bytes.subarray(start), claimed)

  const trailer = start + consumed
  if (trailer + TRAILER > bytes.length) throw malformed('its gzip stream is cut short')
  if (trailer + TRAILER < bytes.length) {
    throw malformed(`${bytes.length - trailer - TRAILER} bytes follow its gzip member; expected none`)
  }
  if (bytes.readUInt32LE(trailer + 4) !== output.length) {
    throw malformed(`its gzip trailer says ${claimed} bytes, and ${output.length} came out`)
  }
  if (bytes.readUInt32LE(trailer) !== crc32(output)) throw malformed('its gzip checksum (CRC-32) does not match')
  return output
}

function bodyStart(bytes: Buffer): number {
  if (bytes.length < FIXED_HEADER || bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw malformed('it is not gzip')
  if (bytes[2] !== 8) throw malformed(`its gzip method is ${bytes[2]}; expected 8 (deflate)`)
  const flags = bytes[3] ?? 0
  const odd = flags & ~(FTEXT | FNAME | FCOMMENT)
  if (odd !== 0) throw malformed(`its gzip header has flags 0x${odd.toString(16)}, which are not accepted`)
  let at = FIXED_HEADER
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) === 0) continue
    const end = bytes.subarray(at, at + TEXT_MAX).indexOf(0)
    if (end < 0) throw malformed('its gzip header has a text field without an end')
    at += end + 1
  }
  return at
}

interface Inflated {
  readonly output: Buffer
  /** How many bytes of the input the deflate stream took. */
  readonly consumed: number
}

/** What the trailer claims bounds the output, so that a lie costs no more memory than the lie. */
function inflate(body: Buffer, claimed: number): Inflated {
  // `info` is documented for every zlib call and missing from its types.
  const options: ZlibOptions & { info: true } = {
    info: true,
    maxOutputLength: Math.max(claimed, 1),
    // One chunk that holds everything spares a copy.
    chunkSize: Math.max(CHUNK_MIN, claimed + 1),
  }
  try {
    const { buffer, engine } = inflateRawSync(body, options) as unknown as {
      buffer: Buffer
      engine: { bytesWritten: number }
    }
    return { output: buffer, consumed: engine.bytesWritten }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') {
      throw malformed(`its gzip stream is damaged or cut short (${(error as Error).message})`, error)
    }
    throw malformed(`its gzip stream holds more than the ${claimed} bytes its trailer says, or something follows it`)
  }
}
