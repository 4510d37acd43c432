import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { faultOf, fingerprint } from '../interpreter/host-file.ts'
import { findLauncher } from '../launcher-binary.ts'
import { Launcher } from '../launching/launcher.ts'
import { sweepParent } from '../leaves.ts'
import type { RunPlan } from '../plan.ts'
import { type Failure, Failures } from './failures.ts'
import { makeParentFolder, removeParentFolder, sweepParentFolders } from './folder.ts'
import { Parent, type ParentStatus } from './parent.ts'
import { parentFiles, planParent } from './parent-plan.ts'
import { startedCold } from './plan.ts'

export interface ParentsOptions {
  readonly spool: string
  /** How long one is kept that nobody is copied from. */
  readonly idleMs?: number
  /** How many at most. */
  readonly max?: number
  /** By default the one that runs are started with. */
  readonly launcher?: string
  /** How long importing may take. */
  readonly startMs?: number
  /** How long runs are started cold after a first failure, before it is tried again. */
  readonly againMs?: number
  /** Told of each that could not be made. */
  readonly onFailure?: ((failure: PreloadFailure) => void) | undefined
}

/** A parent that could not be made. */
export interface PreloadFailure extends Failure {
  readonly name: string
  readonly modules: readonly string[]
}

const IDLE_MS = 60_000
const MAX = 8

interface Kept {
  readonly parent: Parent
  readonly identity: string
  readonly folder: string
  usedAtMs: number
}

/**
 * The preloaded parents of one process: one for each plugin that may have one, started with the first run that wants it and
 * ended when nobody has wanted it for a while, when what it was made of has changed, or with this process. Nothing is
 * shared between plugins: each parent has its plugin's uid.
 */
export class PreloadParents {
  readonly #spool: string
  readonly #idleMs: number
  readonly #max: number
  readonly #launcher: string | undefined
  readonly #kept = new Map<string, Kept>()
  /** Those whose place was taken, as long as a copy of theirs goes on. */
  readonly #retired = new Set<Kept>()
  readonly #ending = new Set<Promise<void>>()
  readonly #startMs: number | undefined
  readonly #onFailure: ParentsOptions['onFailure']
  readonly #failures: Failures
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #hasSwept = false

  constructor(options: ParentsOptions) {
    const { spool, idleMs = IDLE_MS, max = MAX, launcher, startMs, againMs, onFailure } = options
    this.#spool = spool
    this.#launcher = launcher
    this.#idleMs = idleMs
    this.#max = max
    this.#startMs = startMs
    this.#failures = new Failures(againMs)
    this.#onFailure = onFailure
  }

  /**
   * The plan, of a run that comes out of a parent if it is to be preloaded; else, or when there is no parent to be had, as it
   * was, with the reason. Whoever is lent one gives it back when the run has ended, or was not started.
   */
  async lend(plan: RunPlan): Promise<RunPlan> {
    if (plan.preload.modules.length === 0) return plan
    if (this.#isClosed) return cold(plan, 'its manager has been closed')
    const imports = importsOf(plan)
    const identity = identityOf(plan, imports)
    const begunAtMs = performance.now()
    let kept = this.#find(plan, identity)
    const failed = this.#failures.find(imports)
    if (failed !== undefined && kept?.parent.isReady !== true) {
      // Nobody waits once more for what has failed: modules may take a minute to do so.
      if (this.#failures.mayTry(imports)) void this.#tryAgain(plan, identity, imports)
      return cold(plan, failed.reason)
    }
    try {
      kept ??= this.#makeRoom() ? this.#start(plan, identity) : null
      if (kept === null) return cold(plan, `there are ${this.#max} preloaded parents already, all of them at work`)
      // Before it is ready: nobody ends what somebody waits for.
      const lent = kept.parent.lend(plan)
      kept.usedAtMs = performance.now()
      await kept.parent.ready
      this.#failures.forget(imports)
      return lent
    } catch (error) {
      const reason = this.#failed(plan, imports, error, begunAtMs)
      if (kept !== null) await this.#end(kept)
      return cold(plan, reason)
    }
  }

  /** For runs to come: those of this moment are started cold. Nobody gives way to it. */
  async #tryAgain(plan: RunPlan, identity: string, imports: string): Promise<void> {
    const begunAtMs = performance.now()
    let kept: Kept | null = null
    try {
      if (!this.#hasRoom) return
      kept = this.#start(plan, identity)
      await kept.parent.ready
      this.#failures.forget(imports)
      kept.usedAtMs = performance.now()
      this.#watch()
    } catch (error) {
      this.#failed(plan, imports, error, begunAtMs)
      if (kept !== null) await this.#end(kept)
    } finally {
      this.#failures.tried(imports)
    }
  }

  /** Gives the reason for which a run is started cold. */
  #failed({ name, preload: { modules } }: RunPlan, imports: string, error: unknown, begunAtMs: number): string {
    const reason = `there is no preloaded parent: ${(error as Error).message}`
    // What is ended with its manager has not failed.
    if (this.#isClosed) return reason
    const failure = this.#failures.note(imports, reason, begunAtMs)
    if (failure !== null) this.#onFailure?.({ ...failure, name, modules })
    return reason
  }

  /** The run has ended. `isFaulty`: its parent did not do its part, and makes no further copies. */
  giveBack(run: string, isFaulty = false): void {
    for (const kept of [...this.#kept.values(), ...this.#retired]) {
      if (!kept.parent.has(run)) continue
      kept.parent.giveBack(run)
      kept.usedAtMs = performance.now()
      if (isFaulty) this.#retire(kept)
      if (this.#retired.has(kept) && kept.parent.isIdle) void this.#end(kept)
    }
    this.#watch()
  }

  list(): ParentStatus[] {
    return [...this.#kept.values(), ...this.#retired].map(({ parent }) => parent.status())
  }

  /** Ends all, and what came out of them; also those whose end has begun. Safe to call twice. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const kept of [...this.#kept.values(), ...this.#retired]) void this.#end(kept)
    await Promise.all(this.#ending)
  }

  #find(plan: RunPlan, identity: string): Kept | null {
    const kept = this.#kept.get(plan.name)
    if (kept === undefined) return null
    if (kept.identity === identity && !kept.parent.isGone) return kept
    this.#retire(kept)
    if (kept.parent.isIdle || kept.parent.isGone) void this.#end(kept)
    return null
  }

  #start(plan: RunPlan, identity: string): Kept {
    if (!this.#hasSwept) sweepParentFolders(this.#spool, (dead) => sweepParent({ ...plan, run: dead }))
    this.#hasSwept = true
    const launcher = this.#launcher ?? findLauncher()
    assertOwned(launcher)
    const run = `parent-${randomBytes(8).toString('hex')}`
    const { folder, root } = makeParentFolder(this.#spool, run)
    const parentPlan = planParent(plan, { run, folder, root, launcher })
    const parent = new Parent(new Launcher({ binary: launcher }), parentPlan, this.#startMs)
    const kept: Kept = { parent, identity, folder, usedAtMs: performance.now() }
    this.#kept.set(plan.name, kept)
    // Whoever finds it gone starts another; what it leaves goes at once.
    void parent.gone.then(() => this.#end(kept))
    return kept
  }

  get #hasRoom(): boolean {
    return this.#kept.size + this.#retired.size < this.#max
  }

  /** The one that has been idle for longest gives way. */
  #makeRoom(): boolean {
    if (this.#hasRoom) return true
    const [oldest] = [...this.#kept.values()]
      .filter(({ parent }) => parent.isIdle)
      .sort((one, other) => one.usedAtMs - other.usedAtMs)
    if (oldest !== undefined) void this.#end(oldest)
    return oldest !== undefined
  }

  #retire(kept: Kept): void {
    this.#forget(kept)
    this.#retired.add(kept)
  }

  #forget(kept: Kept): void {
    for (const [name, one] of this.#kept) if (one === kept) this.#kept.delete(name)
    this.#retired.delete(kept)
  }

  async #end(kept: Kept): Promise<void> {
    this.#forget(kept)
    const ending = kept.parent.close().then(() => removeParentFolder(kept.folder))
    this.#ending.add(ending)
    await ending.finally(() => this.#ending.delete(ending))
  }

  /** Looks again when the next one may have been idle for long enough. */
  #watch(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed) return
    const idle = [...this.#kept.values()].filter(({ parent }) => parent.isIdle)
    const now = performance.now()
    for (const kept of idle) if (now - kept.usedAtMs >= this.#idleMs) void this.#end(kept)
    const [next] = idle
      .map(({ usedAtMs }) => usedAtMs + this.#idleMs - now)
      .filter((ms) => ms > 0)
      .sort((a, b) => a - b)
    if (next === undefined) return
    this.#timer = setTimeout(() => this.#watch(), next + 1)
    this.#timer.unref()
  }
}

/** What confines a copy is in one of these: whoever could write it would decide what a plugin may. */
function assertOwned(launcher: string): void {
  for (const { outside } of parentFiles(launcher)) {
    const fault = faultOf(outside, { uid: process.geteuid?.() ?? 0 })
    if (fault !== null) throw new Error(`cannot use ${outside}: ${fault}`)
  }
}

const cold = (plan: RunPlan, reason: string): RunPlan => ({ ...plan, preload: startedCold(reason) })

/** Where a package manager puts what one module is made of; the rest of an interpreter's files are binds of their own. */
const PACKAGES = /\/(?:dist|site)-packages$/

/** What one plugin's parent is. */
const identityOf = ({ name, ids, cgroups }: RunPlan, imports: string): string =>
  JSON.stringify([name, ids, cgroups, imports])

/**
 * What parents are made of, whosever they are, and when each of its files was put there. A package manager does that by rename, which
 * shows in the folder of an interpreter's files, and in the file that a module begins with.
 */
function importsOf({ exec, preload }: RunPlan): string {
  const { modules, binds, memoryBytes } = preload
  const paths = binds.map(({ outside }) => outside)
  const beginnings = paths
    .filter((path) => PACKAGES.test(path))
    .flatMap((folder) => modules.map((module) => join(folder, module.split('.')[0] ?? '')))
    .flatMap((top) => [`${top}.py`, join(top, '__init__.py')])
  const files = [...paths.filter((path) => !LIBRARY.test(path)), ...beginnings, ...launcherFiles()]
  return JSON.stringify([exec, modules, memoryBytes, paths, files.map(fingerprint)])
}

/** Compiled code is as old as the interpreter, or as the folder of packages, that it belongs to. */
const LIBRARY = /\.so(?:\.[\d.]+)?$/

const launcherFiles = (): string[] => parentFiles(findLauncher()).map(({ outside }) => outside)
