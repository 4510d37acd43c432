import { readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type CgroupPlan, PARENT } from './cgroups.ts'
import type { RunPlan } from './plan.ts'

const PREFIX = `${PARENT}-`

/** The directories that the launcher makes for a run, and takes away at its end. */
export function leavesOf(plan: Pick<RunPlan, 'run' | 'cgroups' | 'engine'>): string[] {
  const parents = [...parentsOf(plan.cgroups), ...plan.engine.parents]
  return [...new Set(parents)].map((parent) => join(parent, PREFIX + plan.run))
}

export function parentsOf(cgroups: Pick<CgroupPlan, 'cgroup2' | 'cgroup1'>): string[] {
  const parents = [cgroups.cgroup2, ...Object.values(cgroups.cgroup1)].filter((one) => typeof one === 'string')
  return [...new Set(parents)]
}

/** Is this the leaf of `run`, in a parent of ours, or in the cgroup of a preloaded one? Only then is it ever touched. */
export function isLeafOf(path: string, run: string): boolean {
  const parent = dirname(path)
  const isOurs = basename(parent) === PARENT
  const isOfFamily = basename(parent).startsWith(PREFIX) && basename(dirname(parent)) === PARENT
  return path.startsWith('/') && basename(path) === PREFIX + run && (isOurs || isOfFamily)
}

/** Where the copies of a preloaded parent have their leaves, and it has its own: the launcher makes it. */
export const familyOf = (cgroup2: string, parent: string): string => join(cgroup2, PREFIX + parent)

/** The leaves of a parent itself, and the cgroup of its copies. */
export function leavesOfParent(plan: Pick<RunPlan, 'run' | 'cgroups' | 'engine'>): {
  readonly family: string | null
  readonly own: readonly string[]
} {
  const { cgroup2 } = plan.cgroups
  const family = cgroup2 === null ? null : familyOf(cgroup2, plan.run)
  return { family, own: leavesOf({ ...plan, cgroups: { ...plan.cgroups, cgroup2: family } }) }
}

/** The same of a parent whose process is gone with all its launchers: its own, those of its copies, and theirs in common. */
export function sweepParent(plan: Pick<RunPlan, 'run' | 'cgroups' | 'engine'>): void {
  const { family, own } = leavesOfParent(plan)
  const copies = family === null ? [] : list(family).map((name) => join(family, name))
  for (const leaf of new Set([...own, ...copies, ...(family === null ? [] : [family])])) sweepLeaf(leaf)
}

/** Ends what is left of a run whose launcher is gone, and removes its leaves. `true`: nothing is left. */
export function sweepLeaf(leaf: string): boolean {
  // A killed process leaves its cgroup when it has been taken down, which takes a moment.
  for (let tries = 0; tries < 100; tries++) {
    // As a launcher that ended by itself leaves it; every command asks this of each run that it takes up.
    if (isGone(leaf)) return true
    killMembers(leaf)
    try {
      rmdirSync(leaf)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
  }
  return false
}

function isGone(leaf: string): boolean {
  try {
    return statSync(leaf, { throwIfNoEntry: false }) === undefined
  } catch {
    return false
  }
}

/**
 * Leaves without a process whose run nobody knows, older than a minute: a launcher that was killed together with the host
 * that had started it. Younger ones may belong to a launcher that has not put anybody in yet.
 */
export function sweepEmpty(parents: readonly string[], nowMs: number): number {
  let swept = 0
  for (const parent of parents) {
    for (const name of list(parent)) {
      const leaf = join(parent, name)
      if (!isLeafOf(leaf, name.slice(PREFIX.length))) continue
      try {
        if (nowMs - statSync(leaf).ctimeMs < 60_000) continue
        // The kernel refuses while anybody is in it.
        rmdirSync(leaf)
        swept++
      } catch {
        // In use, or gone already.
      }
    }
  }
  return swept
}

function killMembers(leaf: string): void {
  try {
    writeFileSync(join(leaf, 'cgroup.kill'), '1')
    return
  } catch {
    // cgroup v1 has no such file.
  }
  for (const pid of pidsIn(leaf)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}

function pidsIn(leaf: string): number[] {
  try {
    const text = readFileSync(join(leaf, 'cgroup.procs'), 'utf8')
    // 0 stands for a process of another pid namespace, and would mean our own group to kill(2).
    return text
      .split('\n')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid > 1 && pid !== process.pid)
  } catch {
    return []
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(PREFIX))
  } catch {
    return []
  }
}
