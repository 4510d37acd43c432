import type { Socket } from 'node:net'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { CONTROL_FD, dropUnread, type LauncherProcess, REPORT_FD, SPEC_FD } from './launcher-process.ts'

/** What a launcher has of the fork server that has started it. */
export interface ForkOwner {
  kill(pid: number): void
  /** Whether this process waits to be told of its end. */
  keepAlive(launcher: ForkedLauncher, how: 'ref' | 'unref'): void
}

/** Its end is told as soon as its report has closed; after this long nobody tells it. */
const TOLD_MS = 2_000

/** A launcher that is a child of the fork server: its streams are connections, each used in one direction. */
export class ForkedLauncher implements LauncherProcess {
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly specification: Writable
  readonly report: Readable
  readonly control: Writable
  readonly gone: Promise<string>
  readonly failed = new Promise<Error>(() => {})
  readonly #owner: ForkOwner
  readonly #streams: readonly (Socket | null)[]
  readonly #end: (how: string) => void
  #hasEnded = false
  #untold: NodeJS.Timeout | undefined

  constructor(pid: number, streams: readonly (Socket | null)[], owner: ForkOwner) {
    const [stdin = null, stdout = null, stderr = null] = streams
    const [specification, report, control] = [SPEC_FD, REPORT_FD, CONTROL_FD].map((fd) => streams[fd] as Socket)
    // What is only read is not written to: it ends for good when its other end does.
    for (const output of [stdout, stderr, report]) output?.end()
    // Nothing comes there but the end.
    for (const input of [stdin, specification, control]) input?.resume()
    this.pid = pid
    this.stdin = stdin
    this.stdout = stdout
    this.stderr = stderr
    this.specification = specification as Socket
    this.report = report as Socket
    this.control = control as Socket
    this.#streams = streams
    this.#owner = owner
    const gone = Promise.withResolvers<string>()
    this.gone = gone.promise
    this.#end = gone.resolve
    owner.keepAlive(this, 'ref')
    // Whoever should tell may have been stopped; its run has come to an end all the same.
    report?.once('close', () => {
      if (!this.#hasEnded) this.#untold = setTimeout(() => this.ended(null), TOLD_MS)
    })
  }

  /** Still there, as far as is known, and told nothing yet. */
  get isWaiting(): boolean {
    return !this.#hasEnded && this.#streams.every((stream) => !stream?.destroyed) && !this.report.readableEnded
  }

  kill(): void {
    if (!this.#hasEnded) this.#owner.kill(this.pid)
  }

  wake(): void {
    if (this.#hasEnded) return
    try {
      process.kill(this.pid, 'SIGCONT')
    } catch {
      // It has ended, which was not told yet; or this process has given up its user.
    }
  }

  keepAlive(how: 'ref' | 'unref'): void {
    if (!this.#hasEnded) this.#owner.keepAlive(this, how)
    // One that is gone would listen for a connection that never comes, once for each call.
    for (const stream of this.#streams) if (stream?.destroyed === false) stream[how]()
  }

  /** Told by its owner, with the status of wait(2); `null`: the owner cannot tell, because it is gone or does not answer. */
  ended(status: number | null): void {
    if (this.#hasEnded) return
    // It may be there still, stopped, or not know yet that it has no parent: without these it ends, whatever it was told.
    if (status === null) {
      for (const stream of [this.specification, this.control]) stream.destroy()
      this.wake()
    }
    this.#hasEnded = true
    clearTimeout(this.#untold)
    this.#owner.keepAlive(this, 'unref')
    this.#end(wordsOf(status))
    // As of a child: nobody is there to read it.
    this.stdin?.destroy()
    dropUnread([this.stdout, this.stderr])
  }

  /** Nothing was told to it. */
  abandon(): void {
    for (const stream of this.#streams) stream?.destroy()
  }
}

/** wait(2): the low seven bits are the signal, the next eight the exit code. */
function wordsOf(status: number | null): string {
  if (status === null) return 'its parent cannot tell'
  const signal = status & 0x7f
  if (signal === 0) return `exit ${(status >> 8) & 0xff}`
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`
}
