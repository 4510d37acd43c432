import type { ChildProcess } from 'node:child_process'
import { statSync } from 'node:fs'
import { hasStreams, keepAlive, type LauncherStart, startLauncher } from './launcher-process.ts'

/** How long one waits, and how soon after one another runs have to start for one to be worth it. */
export const SPARE_MS = 2_000

/**
 * A launcher that is started ahead: to fork a large process takes as long as to make a sandbox, and the next one is started
 * while the sandbox of this one is made. It has been told nothing, so there is nothing of a plugin in it, and every check of
 * the run comes before it is told anything. At most one waits, for seconds, where runs follow one another.
 */
export class SpareLauncher {
  #spare: Spare | null = null
  #lastMs = Number.NEGATIVE_INFINITY
  #isClosed = false

  /** One that is just as `start` would make it now; `null`: there is none. */
  take(start: LauncherStart): ChildProcess | null {
    const spare = this.#spare
    if (spare === null) return null
    this.#spare = null
    if (spare.likeness === likenessOf(start)) return spare.taken()
    spare.end()
    return null
  }

  /** A run was started like this: the next one may be soon. */
  follow(start: LauncherStart): void {
    const now = performance.now()
    const isOften = now - this.#lastMs < SPARE_MS
    this.#lastMs = now
    // Descriptors of this process may be others by then.
    if (!isOften || !start.stdio.every((stream) => stream === 'pipe' || stream === 'ignore')) return
    // In a turn of its own: the launcher of this run is at work meanwhile.
    setImmediate(() => this.#prepare(start)).unref()
  }

  #prepare(start: LauncherStart): void {
    if (this.#isClosed || this.#spare !== null) return
    const spare = Spare.start(start, () => {
      if (this.#spare === spare) this.#spare = null
    })
    this.#spare = spare
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const spare = this.#spare
    this.#spare = null
    await spare?.end()
  }
}

/**
 * What a launcher inherits or was looked at for: a process that gave up its user since, or a launcher that was replaced,
 * makes another one.
 */
function likenessOf({ binary, title, stdio }: LauncherStart): string {
  const { dev, ino, ctimeNs } = statSync(binary, { bigint: true })
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()]
  return [binary, dev, ino, ctimeNs, title, ...stdio, ...ids, process.getgroups?.()].join('\0')
}

class Spare {
  readonly likeness: string
  readonly #child: ChildProcess
  readonly #streams: readonly unknown[]
  readonly #timer: NodeJS.Timeout
  readonly #forget: () => void

  /** `null`: this process can start none now. Whoever starts a run says why. */
  static start(how: LauncherStart, forget: () => void): Spare | null {
    const likeness = likenessOf(how)
    const child = startLauncher(how)
    child.on('error', NOTHING)
    return hasStreams(child) && child.pid !== undefined ? new Spare(likeness, child, forget) : null
  }

  constructor(likeness: string, child: ChildProcess, forget: () => void) {
    this.likeness = likeness
    this.#child = child
    this.#streams = [...child.stdio]
    this.#forget = () => {
      forget()
      this.end()
    }
    child.once('exit', this.#forget)
    keepAlive(child, this.#streams, 'unref')
    this.#timer = setTimeout(this.#forget, SPARE_MS).unref()
  }

  /** From now on it is its run's. `null`: it was ended by somebody. */
  taken(): ChildProcess | null {
    clearTimeout(this.#timer)
    this.#child.off('exit', this.#forget)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return null
    this.#child.off('error', NOTHING)
    keepAlive(this.#child, this.#streams, 'ref')
    return this.#child
  }

  /** It has nothing that would have to be put away. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    this.#child.off('exit', this.#forget)
    for (const stream of this.#streams) (stream as { destroy?(): void } | null)?.destroy?.()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((done) => this.#child.once('exit', done))
    this.#child.ref()
    // A process that has given up its user may not; the end of its specification ends it, too.
    if (!this.#child.kill('SIGKILL')) return
    await gone
  }
}

const NOTHING = (): void => {}
