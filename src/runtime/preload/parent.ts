import type { Readable } from 'node:stream'
import type { Launcher, Run, Unwaited } from '../launching/launcher.ts'
import { leavesOfParent, sweepLeaf } from '../leaves.ts'
import type { RunPlan } from '../plan.ts'
import { figuresOf } from '../run-figures.ts'

/** How long importing may take. */
const START_MS = 60_000
const SAID_MAX = 4_096

/** What is to be known of a preloaded parent from outside. */
export interface ParentStatus {
  readonly name: string
  readonly modules: readonly string[]
  /** Its launcher's process. */
  readonly pid: number
  /** What the kernel counts for it alone; `null` where it does not. */
  readonly memoryBytes: number | null
  /** Runs that came out of it and go on. */
  readonly copies: number
}

/** One preloaded parent: started, ready, lent to runs, and ended. */
export class Parent {
  readonly #plan: RunPlan
  readonly #run: Run & Unwaited
  readonly #copies = new Set<string>()
  /** Its own leaf is in the cgroup of its copies. */
  readonly #leaves: readonly string[]
  readonly #family: string | null
  #isReady = false
  #isGone = false
  /** Rejects with the sentence that says why there is none. */
  readonly ready: Promise<void>
  /** Once it and everything that came out of it is gone. */
  readonly gone: Promise<void>

  /** `startMs`: how long importing may take. */
  constructor(launcher: Launcher, plan: RunPlan, startMs = START_MS) {
    const { family, own } = leavesOfParent(plan)
    this.#plan = plan
    this.#family = family
    this.#leaves = own
    this.#run = launcher.start(plan, { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
    this.ready = this.#awaitReady(firstLine(this.#run.stdout as Readable, startMs), startMs)
    this.ready.catch(() => {})
    const end = () => {
      this.#isGone = true
      // Where its launcher was killed they are there still.
      for (const leaf of [...this.#leaves, ...(this.#family === null ? [] : [this.#family])]) sweepLeaf(leaf)
    }
    this.gone = this.#run.outcome.then(end, end)
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get isIdle(): boolean {
    return this.#isReady && this.#copies.size === 0
  }

  /** The plan of a run that comes out of this parent. */
  lend(plan: RunPlan): RunPlan {
    this.#copies.add(plan.run)
    const cgroups = { ...plan.cgroups, cgroup2: this.#family }
    return { ...plan, cgroups, preload: { ...plan.preload, parent: this.#plan.parentIn ?? null } }
  }

  has(run: string): boolean {
    return this.#copies.has(run)
  }

  giveBack(run: string): void {
    this.#copies.delete(run)
  }

  status(): ParentStatus {
    const { name, argv } = this.#plan
    const modules = argv.slice(argv.findIndex((word) => word.endsWith('/parent.py')) + 1)
    const { memoryBytes } = figuresOf(this.#run.pid, this.#leaves)
    return { name, modules, pid: this.#run.pid, memoryBytes, copies: this.#copies.size }
  }

  /** Ends it, and with it what came out of it. */
  async close(): Promise<void> {
    // Its launcher may have failed: then there is no outcome, and what is left is swept.
    await this.#run.close().catch(() => {})
    await this.gone
  }

  async #awaitReady(line: Promise<string | null>, startMs: number): Promise<void> {
    const said = await line
    if (said !== 'ready') {
      const { reason } = await this.#run.close()
      throw new Error(said ?? reason ?? `it was not ready within ${startMs / 1000} s, or ended before`)
    }
    this.#isReady = true
    this.#run.stdout?.resume()
    this.#run.unref()
  }
}

/** What it says first; `null` if that does not come, or is not one line. */
function firstLine(from: Readable, ms: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const timer = setTimeout(resolve, ms, null)
  let said = ''
  const end = (line: string | null) => {
    clearTimeout(timer)
    from.removeAllListeners('data')
    resolve(line)
  }
  from.on('data', (part: Buffer) => {
    said += part.toString('utf8')
    if (said.includes('\n')) end(said.slice(0, said.indexOf('\n')))
    else if (said.length > SAID_MAX) end(null)
  })
  from.on('close', () => end(null))
  return promise
}
