import type { Readable } from 'node:stream'

/** A handshake with a certificate for a P-521 key is about 1 KiB long. */
export const LINE_MAX_BYTES = 16 * 1024

/** What came of waiting for a line. `head` is what there was of it, at most `LINE_MAX_BYTES`. */
export type FirstLine =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'ended'; readonly head: string }
  | { readonly kind: 'endless'; readonly head: string }

/**
 * The first line of a stream, without its end. Whatever follows is read and thrown away, for ever: a pipe that nobody reads
 * would stop whoever writes to it.
 */
export function readFirstLine(stream: Readable): Promise<FirstLine> {
  const { promise, resolve } = Promise.withResolvers<FirstLine>()
  const chunks: Buffer[] = []
  let bytes = 0
  const settle = (result: FirstLine): void => {
    chunks.length = 0
    stream.off('data', take)
    stream.resume()
    resolve(result)
  }
  const head = () => Buffer.concat(chunks).subarray(0, LINE_MAX_BYTES).toString('utf8')
  const take = (chunk: Buffer): void => {
    const end = chunk.indexOf(0x0a)
    chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
    bytes += end === -1 ? chunk.length : end
    if (bytes > LINE_MAX_BYTES) settle({ kind: 'endless', head: head() })
    else if (end !== -1) settle({ kind: 'line', text: head() })
  }
  stream.on('data', take)
  stream.once('close', () => settle({ kind: 'ended', head: head() }))
  stream.once('error', () => settle({ kind: 'ended', head: head() }))
  return promise
}
