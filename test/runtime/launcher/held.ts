// What the control pipe of a held run is told, and what its report says.

import type { Readable } from 'node:stream'
import type { Running } from './launch.ts'

/** As hold.h has it: what it is, a length, and so many bytes. */
export function words(args: readonly string[], { length }: { readonly length?: number } = {}): Buffer {
  const text = Buffer.from(args.map((word) => `${word}\0`).join(''))
  const head = Buffer.alloc(5)
  head.writeUInt8(65, 0)
  head.writeUInt32LE(length ?? text.length, 1)
  return Buffer.concat([head, text])
}

/** Resolves when everything of it is ready. */
export async function waiting({ process, result }: Running): Promise<void> {
  const report = (process.stdio as readonly unknown[])[4] as Readable
  let said = ''
  const held = new Promise<void>((done) => {
    report.on('data', (part) => {
      said += part
      if (said.includes('{"event":"held"}\n')) done()
    })
  })
  const ended = result.then(({ report, stderr }) => Promise.reject(new Error(`it was never held: ${report}${stderr}`)))
  await Promise.race([held, ended])
}

export const eventsOf = (report: string): string[] =>
  report
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event)
