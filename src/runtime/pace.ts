import type { Readable } from 'node:stream'
import { TokenBucket } from '../core/token-bucket.ts'

/** Reads in a second, each counted once more for every 4 KiB: 4 MiB a second in large pieces. */
const RATE = { perSecond: 1_000, burst: 4_000 }
const UNIT_BYTES = 4096
/** Small pieces come together in the pipe meanwhile, and are one read after that. */
const [PAUSE_MIN_MS, PAUSE_MAX_MS] = [50, 250]

/**
 * Reads a stream no faster than a host can bear beside its work: who writes more waits in the pipe. `onChunk` may say how many reads
 * more a chunk is worth, by the work that it was.
 */
export function readAtPace(stream: Readable, onChunk: (chunk: Buffer) => number | undefined): void {
  const bucket = new TokenBucket(RATE, performance.now())
  let timer: NodeJS.Timeout | undefined
  stream.on('data', (chunk: Buffer) => {
    const more = onChunk(chunk) ?? 0
    const waitMs = bucket.charge(performance.now(), 1 + Math.floor(chunk.length / UNIT_BYTES) + more)
    if (waitMs === 0) return
    stream.pause()
    // Work of many small parts is paid in full: one chunk may hold as much of it as seconds bear.
    const longestMs = more === 0 ? PAUSE_MAX_MS : waitMs
    timer = setTimeout(() => stream.resume(), Math.max(PAUSE_MIN_MS, Math.min(waitMs, longestMs)))
  })
  stream.once('close', () => clearTimeout(timer))
}
