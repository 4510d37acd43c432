import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { faultOf, fingerprint } from '../interpreter/host-file.ts'
import { Launcher } from '../launcher.ts'
import { findLauncher } from '../launcher-binary.ts'
import { sweepParent } from '../leaves.ts'
import type { RunPlan } from '../plan.ts'
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
}

const IDLE_MS = 60_000
const MAX = 8
/** After a parent could not be made its runs are started cold for so long, and then it is tried again. */
const RETRY_MS = 60_000

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
  readonly #failed = new Map<string, { readonly identity: string; readonly reason: string; readonly atMs: number }>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #hasSwept = false

  constructor({ spool, idleMs = IDLE_MS, max = MAX, launcher }: ParentsOptions) {
    this.#spool = spool
    this.#launcher = launcher
    this.#idleMs = idleMs
    this.#max = max
  }

  /**
   * The plan, of a run that comes out of a parent if it is to be preloaded; else, or when there is no parent to be had, as it
   * was, with the reason. Whoever is lent one gives it back when the run has ended, or was not started.
   */
  async lend(plan: RunPlan): Promise<RunPlan> {
    if (plan.preload.modules.length === 0) return plan
    if (this.#isClosed) return cold(plan, 'its manager has been closed')
    const identity = identityOf(plan)
    const failed = this.#failed.get(plan.name)
    if (failed?.identity === identity && performance.now() - failed.atMs < RETRY_MS) return cold(plan, failed.reason)
    let kept: Kept | null = null
    try {
      kept = this.#find(plan, identity) ?? this.#start(plan, identity)
      if (kept === null) return cold(plan, `there are ${this.#max} preloaded parents already, all of them at work`)
      // Before it is ready: nobody ends what somebody waits for.
      const lent = kept.parent.lend(plan)
      kept.usedAtMs = performance.now()
      await kept.parent.ready
      this.#failed.delete(plan.name)
      return lent
    } catch (error) {
      const reason = `there is no preloaded parent: ${(error as Error).message}`
      this.#failed.set(plan.name, { identity, reason, atMs: performance.now() })
      if (kept !== null) await this.#end(kept)
      return cold(plan, reason)
    }
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

  #start(plan: RunPlan, identity: string): Kept | null {
    if (this.#kept.size + this.#retired.size >= this.#max && !this.#makeRoom()) return null
    if (!this.#hasSwept) sweepParentFolders(this.#spool, (dead) => sweepParent({ ...plan, run: dead }))
    this.#hasSwept = true
    const launcher = this.#launcher ?? findLauncher()
    assertOwned(launcher)
    const run = `parent-${randomBytes(8).toString('hex')}`
    const { folder, root } = makeParentFolder(this.#spool, run)
    const parentPlan = planParent(plan, { run, folder, root, launcher })
    const parent = new Parent(new Launcher({ binary: launcher }), parentPlan)
    const kept: Kept = { parent, identity, folder, usedAtMs: performance.now() }
    this.#kept.set(plan.name, kept)
    // Whoever finds it gone starts another; what it leaves goes at once.
    void parent.gone.then(() => this.#end(kept))
    return kept
  }

  /** The one that has been idle for longest gives way. */
  #makeRoom(): boolean {
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

/**
 * What a parent is made of, and when each of its files was put there. A package manager does that by rename, which shows in
 * the folder of an interpreter's files, and in the file that a module begins with.
 */
function identityOf({ name, ids, exec, cgroups, preload }: RunPlan): string {
  const { modules, binds, memoryBytes } = preload
  const paths = binds.map(({ outside }) => outside)
  const beginnings = paths
    .filter((path) => PACKAGES.test(path))
    .flatMap((folder) => modules.map((module) => join(folder, module.split('.')[0] ?? '')))
    .flatMap((top) => [`${top}.py`, join(top, '__init__.py')])
  const files = [...paths.filter((path) => !LIBRARY.test(path)), ...beginnings, ...launcherFiles()]
  return JSON.stringify([name, ids, exec, cgroups, modules, memoryBytes, paths, files.map(fingerprint)])
}

/** Compiled code is as old as the interpreter, or as the folder of packages, that it belongs to. */
const LIBRARY = /\.so(?:\.[\d.]+)?$/

const launcherFiles = (): string[] => parentFiles(findLauncher()).map(({ outside }) => outside)
