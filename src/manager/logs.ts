import { UsageError } from '../core/errors.ts'
import type { LogEntry } from '../core/log-entry.ts'
import { parseDuration } from '../core/quantity.ts'
import { LogFollower, logsIn, readLog } from '../runtime/index.ts'
import type { Host } from './host.ts'
import { assertKnown, liveRuns } from './live.ts'
import { nameOf } from './plugin-name.ts'
import { passed, runNotFound } from './watching.ts'

export interface LogOptions {
  /** Of this run alone. */
  readonly run?: string | undefined
  /** The newest so many lines of those that are there; all if left out. */
  readonly lines?: number | undefined
  /** Only what came since: a duration such as `10m`, or a date. */
  readonly since?: string | undefined
  /** Goes on with what comes, of later runs too, until the signal ends it; with `run`, until that run has ended. */
  readonly follow?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Between two looks at the files. */
const LOOK_MS = 300

/**
 * What a plugin wrote to its standard error, in the order it came, over all its runs.
 *
 * @throws StoreError `NOT_INSTALLED`, `RUN_NOT_FOUND`
 */
export async function* logs(host: Host, text: string, options: LogOptions = {}): AsyncGenerator<LogEntry, void, void> {
  const name = nameOf(text)
  assertKnown(host, name, 'show the log of')
  const { run } = options
  if (run !== undefined && host.store.runs.find(run)?.name !== name) throw runNotFound(run)
  const sinceMs = sinceOf(options.since, host.now())
  const folder = host.layout.logs(name)
  const isWanted = (one: string) => run === undefined || run === one

  if (options.follow !== true) {
    yield* newest(folder, isWanted, sinceMs, options.lines)
    return
  }
  const tail = new Tail(folder, isWanted, () => new Set(liveRuns(host, name).map((open) => open.run.id)))
  try {
    const first = tail.look().filter((entry) => entry.atMs >= sinceMs)
    yield* last(first, options.lines)
    while (!(tail.isOver && run !== undefined) && (await passed(LOOK_MS, options.signal))) yield* tail.look()
  } finally {
    tail.close()
  }
}

/** Newest files first, and no further back than needed: what is in a file came before it was last written to. */
function newest(
  folder: string,
  isWanted: (run: string) => boolean,
  sinceMs: number,
  lines = Number.POSITIVE_INFINITY,
): LogEntry[] {
  let entries: LogEntry[] = []
  const files = logsIn(folder).filter((log) => isWanted(log.run) && log.changedAtMs + CLOCK_MS >= sinceMs)
  for (const log of files.sort((a, b) => b.changedAtMs - a.changedAtMs)) {
    const oldest = entries[0]
    if (entries.length >= lines && (oldest === undefined || log.changedAtMs + CLOCK_MS < oldest.atMs)) break
    const more = readLog(folder, log.run).filter((entry) => entry.atMs >= sinceMs)
    entries = last(inOrder([...more, ...entries]), lines)
  }
  return entries
}

/** The kernel's clock for files is a little behind. */
const CLOCK_MS = 100

/** A stable sort: what a run wrote stays in its order. */
const inOrder = (entries: LogEntry[]): LogEntry[] => entries.sort((a, b) => a.atMs - b.atMs)

const last = (entries: LogEntry[], lines = Number.POSITIVE_INFINITY): LogEntry[] =>
  lines >= entries.length ? entries : entries.slice(entries.length - lines)

/** The logs of a plugin's runs while they grow. */
class Tail {
  readonly #folder: string
  readonly #isWanted: (run: string) => boolean
  readonly #live: () => Set<string>
  readonly #followed = new Map<string, LogFollower>()
  readonly #done = new Set<string>()
  /** No wanted run goes on. */
  isOver = false

  constructor(folder: string, isWanted: (run: string) => boolean, live: () => Set<string>) {
    this.#folder = folder
    this.#isWanted = isWanted
    this.#live = live
  }

  look(): LogEntry[] {
    let entries: LogEntry[] = []
    const found = logsIn(this.#folder)
    // In between: whoever has a log and does not go on has ended, and what it wrote is all there.
    const live = this.#live()
    for (const { run } of found) {
      if (this.#done.has(run) || !this.#isWanted(run)) continue
      const follower = this.#followed.get(run) ?? new LogFollower(this.#folder, run)
      if (live.has(run)) {
        this.#followed.set(run, follower)
        entries = entries.concat(follower.read())
      } else {
        this.#followed.delete(run)
        this.#done.add(run)
        entries = entries.concat(follower.end())
      }
    }
    this.isOver = ![...live].some(this.#isWanted)
    return inOrder(entries)
  }

  close(): void {
    for (const follower of this.#followed.values()) follower.close()
  }
}

function sinceOf(text: string | undefined, now: Date): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY
  const ago = parseDuration(text)
  if (ago !== undefined) return now.getTime() - ago
  const at = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw new UsageError(
    'USAGE',
    `cannot use the time "${text}": expected a duration such as 10m, or a date such as 2026-11-21`,
  )
}
