// What root does once for an ordinary user who shall have limits: docs/rootless.md, for a machine without systemd.

import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Layer } from '../../runtime/launcher/launch.ts'

export interface Delegation {
  /** What the user has to go without. */
  readonly weaker: readonly Layer[]
  /** Puts a process of the user's where it may make cgroups. */
  enter(pid: number): void
  end(): void
}

const V1 = ['memory', 'pids', 'cpu', 'cpuacct', 'blkio']

export function delegate(uid: number): Delegation {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  const legacy = mounts.filter(
    ([, , type, options = '']) => type === 'cgroup' && options.split(',').some((one) => V1.includes(one)),
  )
  if (legacy.length > 0)
    return delegateLegacy(
      uid,
      legacy.map(([, point = '']) => point),
    )
  const [, point] = mounts.find(([, , type]) => type === 'cgroup2') ?? []
  return point === undefined
    ? { weaker: ['memory', 'processes'], enter: () => {}, end: () => {} }
    : delegateUnified(uid, point)
}

/** v1: one folder in each hierarchy, given for good. */
function delegateLegacy(uid: number, points: readonly string[]): Delegation {
  const tops = points.map((point) => join(point, `bulkhead-${uid}`))
  for (const top of tops) {
    const own = join(top, 'bulkhead')
    mkdirSync(own, { recursive: true })
    chownSync(own, uid, uid)
  }
  return { weaker: [], enter: () => {}, end: () => tops.forEach(remove) }
}

/** v2: a subtree, and the process that shall use it within (delegation containment). */
function delegateUnified(uid: number, point: string): Delegation {
  const offered = readFileSync(join(point, 'cgroup.controllers'), 'utf8').trim().split(' ')
  const wanted = ['memory', 'pids', 'cpu', 'io'].filter((one) => offered.includes(one))
  writeFileSync(join(point, 'cgroup.subtree_control'), wanted.map((one) => `+${one}`).join(' '))
  const top = join(point, `bulkhead-${uid}`)
  mkdirSync(join(top, 'shell'), { recursive: true })
  for (const file of ['.', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'shell', 'shell/cgroup.procs'])
    chownSync(join(top, file), uid, uid)
  return {
    weaker: (['memory', 'pids'] as const)
      .filter((one) => !wanted.includes(one))
      .map((one) => (one === 'pids' ? 'processes' : one)),
    enter: (pid) => writeFileSync(join(top, 'shell/cgroup.procs'), String(pid)),
    end: () => remove(top),
  }
}

/** Folders only: a cgroup's files go with it. */
function remove(folder: string): void {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) remove(join(folder, entry.name))
  rmdirSync(folder)
}
