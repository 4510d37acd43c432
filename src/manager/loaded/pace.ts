import type { Readable } from 'node:stream'
import { TokenBucket } from '../../core/token-bucket.ts'

/** Reads in a second, each counted once more for every 4 KiB: 4 MiB a second in large pieces. */
const RATE = { perSecond: 1_000, burst: 4_000 }
const UNIT_BYTES = 4096
/** Small pieces come together in the pipe meanwhile, and are one read after that. */
const [PAUSE_MIN_MS, PAUSE_MAX_MS] = [50, 250]

/** Reads a stream no faster than a host can bear beside its work: who writes more waits in the pipe. */
export function readAtPace(stream: Readable, onChunk: (chunk: Buffer) => void): void {
  const bucket = new TokenBucket(RATE, performance.now())
  let timer: NodeJS.Timeout | undefined
  stream.on('data', (chunk: Buffer) => {
    onChunk(chunk)
    const waitMs = bucket.charge(performance.now(), 1 + Math.floor(chunk.length / UNIT_BYTES))
    if (waitMs === 0) return
    stream.pause()
    timer = setTimeout(() => stream.resume(), Math.min(Math.max(waitMs, PAUSE_MIN_MS), PAUSE_MAX_MS))
  })
  stream.once('close', () => clearTimeout(timer))
}
