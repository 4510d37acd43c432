import { crc32 } from 'node:zlib'
import { deflate } from './deflate.ts'

// RFC 1952: no name, no time, no claim about speed or operating system (255: unknown).
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])

/** One gzip member, the same on every machine. */
export function gzip(bytes: Buffer): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(bytes), 0)
  trailer.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([HEADER, deflate(bytes), trailer])
}
