// A name server of loopback, which answers as a test wants, and an address of loopback that no other test has.

import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'

/** Addresses of 127/8 for this process alone, so that two test files can both have a port 53 or 443. */
export const ownAddress = (last = 1): string => `127.${100 + (process.pid & 127)}.${(process.pid >> 7) % 250}.${last}`

/** The addresses of a name, of either family; asked anew for every question. */
export type Zone = (name: string, type: 'A' | 'AAAA') => readonly string[]

const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' }

export interface NameServer {
  /** Every question, in order: `A example.test`. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

export async function serveNames(address: string, zone: Zone): Promise<NameServer> {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const name = labels.join('.').toLowerCase()
    const type = TYPES[query.readUInt16BE(at + 1)] ?? 'A'
    asked.push(`${type} ${name}`)
    const found = zone(name, type).map(bytesOf)
    const header = Buffer.from(query.subarray(0, at + 5))
    header.writeUInt16BE(0x8180, 2)
    header.writeUInt16BE(found.length, 6)
    header.writeUInt32BE(0, 8)
    const records = found.flatMap((bytes) => [
      Buffer.from([0xc0, 12, 0, bytes.length === 4 ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, bytes.length]),
      bytes,
    ])
    socket.send(Buffer.concat([header, ...records]), from.port, from.address)
  })
  await new Promise<void>((done, fail) => {
    socket.once('error', fail)
    socket.bind(53, address, done)
  })
  return { asked, close: () => new Promise((done) => socket.close(() => done())) }
}

/** As on the wire; IPv6 with at most one `::` and, at its end, an IPv4 address. */
function bytesOf(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number))
  const v4 = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const plain = v4
    ? address.replace(
        v4[0],
        Buffer.from(v4.slice(1).map(Number))
          .toString('hex')
          .replace(/^(.{4})/, '$1:'),
      )
    : address
  const [head = '', tail] = plain.split('::')
  const groups = (part: string) => part.split(':').filter((group) => group !== '')
  const [front, back] = [groups(head), groups(tail ?? '')]
  const middle = tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => '0')
  return Buffer.from([...front, ...middle, ...back].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
