import { formatSize, type OnProgress, type Progress } from '../index.ts'
import { interruptible } from './interruptible.ts'
import type { Io } from './io.ts'
import type { Settings } from './options.ts'
import { plain } from './text.ts'
import { fit } from './width.ts'

/** Who waits no longer than that is told nothing. */
const PATIENCE_MS = 300
/** Often enough to see it move, seldom enough to read it. */
const EVERY_MS = 100
/** A rate is that of the last few seconds: what it was before says nothing of when it ends. */
const RATE_OVER_MS = 5_000

/** What a command hands to the library with a change that may take long. */
export interface Ongoing {
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

/** A change that tells how far it is, and that Ctrl-C undoes. */
export async function ongoing<T>(settings: Settings, io: Io, work: (going: Ongoing) => Promise<T>): Promise<T> {
  using progress = new ProgressLine(settings, io)
  return await interruptible(io, (signal) => work({ signal, onProgress: progress.report }))
}

interface Sample {
  readonly atMs: number
  readonly done: number
}

/** How far a change is, on one line that is rewritten; nothing without a terminal, with --quiet or --json, or of what is fast. */
export class ProgressLine implements Disposable {
  readonly #io: Io
  readonly #isShown: boolean
  readonly #now: () => number
  readonly #startedAtMs: number
  #latest: Progress | null = null
  #shownAtMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #samples: Sample[] = []

  constructor({ quiet, json }: Pick<Settings, 'quiet' | 'json'>, io: Io, now: () => number = () => performance.now()) {
    this.#io = io
    this.#isShown = !quiet && !json
    this.#now = now
    this.#startedAtMs = now()
  }

  readonly report: OnProgress = (progress) => {
    if (!this.#isShown || this.#io.status === undefined) return
    this.#measure(progress)
    this.#latest = progress
    const waitMs = Math.max(this.#startedAtMs + PATIENCE_MS, this.#shownAtMs + EVERY_MS) - this.#now()
    if (waitMs <= 0) return this.#show()
    // So that the last of many events that came at once is shown too.
    this.#timer ??= setTimeout(() => this.#show(), waitMs).unref()
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#latest = null
    this.#io.status?.('')
  }

  #show(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#latest === null) return
    this.#shownAtMs = this.#now()
    // In its last column a terminal would begin the next line.
    const columns = Math.max(1, (this.#io.statusColumns ?? 80) - 1)
    this.#io.status?.(fit(plain(sentenceOf(this.#latest, this.#rate())), columns))
  }

  #measure(progress: Progress): void {
    const before = this.#latest
    if (
      progress.kind === 'step' ||
      before?.kind !== progress.kind ||
      before.name !== progress.name ||
      progress.done < before.done
    )
      this.#samples = []
    if (progress.kind !== 'bytes') return
    const atMs = this.#now()
    const last = this.#samples.at(-1)
    if (last !== undefined && atMs - last.atMs < EVERY_MS) return
    this.#samples = [
      ...this.#samples.filter((sample) => atMs - sample.atMs <= RATE_OVER_MS),
      { atMs, done: progress.done },
    ]
  }

  /** Bytes in a second; `null` before there is one to tell of. */
  #rate(): number | null {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.atMs - first.atMs < EVERY_MS) return null
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs)
  }
}

const DOING = { download: 'downloading', unpack: 'unpacking', verify: 'verifying' } as const

/** `downloading acme/hello  26%  3.1M of 12M  1.1M/s  8s left`: what is cut where it is too long matters least. */
function sentenceOf(progress: Progress, rate: number | null): string {
  if (progress.kind === 'step') return progress.text
  const { done, total, name } = progress
  const parts = [`${DOING[progress.what]} ${name}`]
  if (total !== null && total > 0) parts.push(`${Math.min(100, Math.floor((done * 100) / total))}%`)
  if (progress.kind === 'files') return [...parts, `${counted(done)} of ${counted(progress.total)} files`].join('  ')
  parts.push(total === null ? formatSize(done) : `${formatSize(done)} of ${formatSize(total)}`)
  if (rate !== null) parts.push(`${formatSize(Math.round(rate))}/s`)
  if (rate !== null && rate > 0 && total !== null && total > done) parts.push(`${leftOf((total - done) / rate)} left`)
  return parts.join('  ')
}

const counted = (count: number): string => count.toLocaleString('en')

function leftOf(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)}s`
  return seconds < 3_600 ? `${Math.ceil(seconds / 60)}m` : 'more than an hour'
}
