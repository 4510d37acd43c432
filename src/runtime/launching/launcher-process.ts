import type { Readable, Writable } from 'node:stream'

/** One stream of the plugin: a pipe to this process, nothing, this process's own, or an open descriptor. */
export type RunStream = 'pipe' | 'ignore' | 'inherit' | number

/** Everything that a launcher is started with; what it is to do, it is told in its specification. */
export interface LauncherStart {
  readonly binary: string
  /** What `ps` shows of it. */
  readonly title: string
  readonly stdio: readonly [RunStream, RunStream, RunStream]
}

export const SPEC_FD = 3
export const REPORT_FD = 4
export const CONTROL_FD = 5

/** A launcher, whoever has started it. It does nothing before it has read its specification, and ends when there is none. */
export interface LauncherProcess {
  /** `undefined`: it could not be started, and `failed` says why. */
  readonly pid: number | undefined
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly specification: Writable
  readonly report: Readable
  readonly control: Writable
  /** How it ended, in a word or two. */
  readonly gone: Promise<string>
  /** Settles only when it could not be started. */
  readonly failed: Promise<Error>
  /** Ends it, and with it its tree. */
  kill(): void
  /** Has it go on, should it have been stopped. */
  wake(): void
  /** Whether this process waits for it and for its streams. */
  keepAlive(how: 'ref' | 'unref'): void
}

/** How long the output of a run that has ended waits for a reader. */
const UNREAD_MS = 1_000

/** What a run has written is its host's, also when that comes to read it later; but each stream keeps a descriptor. */
export function dropUnread(outputs: readonly (Readable | null)[]): void {
  const isUnread = (stream: Readable) => stream.readableFlowing === null && stream.listenerCount('readable') === 0
  setTimeout(() => {
    for (const stream of outputs) if (stream !== null && isUnread(stream)) stream.resume()
  }, UNREAD_MS).unref()
}
