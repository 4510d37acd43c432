import { readFileSync, statSync } from 'node:fs'
import { getPriority } from 'node:os'
import { ForkServer } from './fork-server.ts'
import type { ForkedLauncher } from './forked-launcher.ts'
import type { LauncherStart } from './launcher-process.ts'

/** The longest pause between two attempts, in runs: where there can be no fork server, trying costs more than it would save. */
const PAUSE_MAX = 1_024

/** Where the launchers of one manager come from: from the second run on there is a fork server, until the manager is closed. */
export class Launchers {
  readonly #spool: string
  #server: { readonly forks: ForkServer; readonly likeness: string } | null = null
  /** Those that are not asked any more, and that have launchers still. */
  readonly #retired = new Set<ForkServer>()
  #starting: Promise<void> | null = null
  #runs = 0
  /** One after the other: after each the pause is twice as long. */
  #failures = 0
  #nextAt = 2
  #isClosed = false

  constructor({ spool }: { readonly spool: string }) {
    this.#spool = spool
  }

  /**
   * A launcher that was told nothing yet. `null`: there is none to be had from elsewhere, and this process starts it. Asked
   * before a run is prepared: it comes meanwhile.
   */
  async ask(start: LauncherStart): Promise<ForkedLauncher | null> {
    this.#runs++
    // Its descriptors are this process's to pass on.
    if (!start.stdio.every((stream) => stream === 'pipe' || stream === 'ignore')) return null
    const server = this.#server
    if (server === null) {
      if (this.#runs >= this.#nextAt) this.#prepare(start.binary)
      return null
    }
    const mayBeAsked = isAlike(server.likeness, start.binary)
    const launcher = mayBeAsked ? await server.forks.ask(start) : null
    if (launcher !== null) this.#failures = 0
    else if (this.#server === server) {
      if (mayBeAsked) this.#fail()
      this.#server = null
      this.#retire(server.forks)
    }
    return launcher
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#starting
    const servers = [...this.#retired, ...(this.#server === null ? [] : [this.#server.forks])]
    this.#server = null
    await Promise.all(servers.map((server) => server.close()))
  }

  /** In a turn of its own, when the run that asked is on its way. */
  #prepare(binary: string): void {
    if (this.#starting !== null || this.#isClosed) return
    this.#starting = new Promise((done) => {
      setImmediate(async () => {
        await this.#start(binary)
        this.#starting = null
        done()
      })
    })
  }

  async #start(binary: string): Promise<void> {
    const likeness = likenessOf(binary)
    const forks = likeness === null ? null : await ForkServer.start(binary, this.#spool)
    if (forks !== null && likeness !== null) this.#server = { forks, likeness }
    else this.#fail()
  }

  #fail(): void {
    this.#failures++
    this.#nextAt = this.#runs + Math.min(2 ** this.#failures, PAUSE_MAX)
  }

  #retire(forks: ForkServer): void {
    this.#retired.add(forks)
    void forks.retire().then(() => this.#retired.delete(forks))
  }
}

const isAlike = (likeness: string, binary: string): boolean => likenessOf(binary) === likeness

/**
 * What a launcher inherits, or was looked at for: of a process that has given up its user since, that was moved to another
 * cgroup, or whose launcher was replaced, the fork server is not asked any more. `null`: it cannot be told.
 */
function likenessOf(binary: string): string | null {
  try {
    const { dev, ino, ctimeNs } = statSync(binary, { bigint: true })
    const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()]
    const cgroups = readFileSync('/proc/self/cgroup', 'latin1')
    return [binary, dev, ino, ctimeNs, ...ids, process.getgroups?.(), getPriority(), cgroups].join('\0')
  } catch {
    // Whoever starts the launcher itself says what is wrong.
    return null
  }
}
