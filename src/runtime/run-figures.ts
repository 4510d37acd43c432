import { join } from 'node:path'
import type { RunFigures } from '../core/run-figures.ts'
import {
  childrenOf,
  cpuMsOf,
  isFirst,
  kernelCount,
  keyedCount,
  openFilesOf,
  pidsListed,
  readKernel,
  statusOf,
} from './proc.ts'

/**
 * What a run uses now, seen from another process: from its cgroups, and where there are none, or none that counts it, from
 * its processes in /proc. The launcher's samples count the same way (sample.c, processes.c), so that both tell one story.
 */
export function figuresOf(launcher: number, leaves: readonly string[]): RunFigures {
  const listed = membersOf(leaves)
  const children = listed?.filter((pid) => keyedCount(statusOf(pid), 'PPid:') === launcher) ?? childrenOf(launcher)
  // That of a copy is a child of its preloaded parent.
  const init = children.find(isFirst) ?? listed?.find(isFirst) ?? children[0] ?? null
  const members = listed ?? descendantsOf(init)
  // The relay is in the run's cgroups too, but a child of the launcher and no program of the plugin's.
  const relay = new Set(children.filter((pid) => pid !== init))
  const counted = members.filter((pid) => !relay.has(pid)).map((pid) => ({ pid, isInit: pid === init }))
  const own = counted.filter(({ isInit }) => !isInit).map(({ pid }) => pid)
  const all = counted.map(({ pid }) => pid)
  const inCgroup = firstOf(leaves, (leaf) => kernelCount(join(leaf, 'pids.current')))
  return {
    cpuMs: cpuOf(leaves) ?? sumOf(all, cpuMsOf),
    memoryBytes: memoryOf(leaves) ?? sumOf(all, residentOf),
    processes: inCgroup === null ? own.length : Math.max(0, inCgroup - (members.length - own.length)),
    files: own.map(openFilesOf).reduce(larger, null),
    ioReadBytes: sumOf(all, (pid) => keyedCount(readKernel(`/proc/${pid}/io`), 'read_bytes:')),
    ioWriteBytes: sumOf(all, (pid) => keyedCount(readKernel(`/proc/${pid}/io`), 'write_bytes:')),
  }
}

const membersOf = (leaves: readonly string[]): number[] | null =>
  firstOf(leaves, (leaf) => pidsListed(join(leaf, 'cgroup.procs')))

/** In a pid namespace whoever loses its parent is given to the first process: all of them descend from it. */
function descendantsOf(init: number | null): number[] {
  const found = init === null ? [] : [init]
  for (let at = 0; at < found.length && at < 4096; at++) found.push(...childrenOf(found[at] as number))
  return found
}

/** cpuacct where it is counted there (v1 and hybrid), else v2, which counts in every cgroup. */
function cpuOf(leaves: readonly string[]): number | null {
  const ns = firstOf(leaves, (leaf) => kernelCount(join(leaf, 'cpuacct.usage')))
  if (ns !== null) return Math.floor(ns / 1_000_000)
  const us = firstOf(leaves, (leaf) => keyedCount(readKernel(join(leaf, 'cpu.stat')), 'usage_usec'))
  return us === null ? null : Math.floor(us / 1_000)
}

/** v2, then v1: in use, but for pages of files that nobody has touched lately. */
function memoryOf(leaves: readonly string[]): number | null {
  return firstOf(leaves, (leaf) => {
    for (const [file, idle] of [
      ['memory.current', 'inactive_file'],
      ['memory.usage_in_bytes', 'total_inactive_file'],
    ] as const) {
      const used = kernelCount(join(leaf, file))
      if (used !== null) return Math.max(0, used - (keyedCount(readKernel(join(leaf, 'memory.stat')), idle) ?? 0))
    }
    return null
  })
}

function residentOf(pid: number): number | null {
  const status = statusOf(pid)
  const own = keyedCount(status, 'RssAnon:')
  return own === null ? null : (own + (keyedCount(status, 'RssShmem:') ?? 0)) * 1024
}

function firstOf<T>(leaves: readonly string[], look: (leaf: string) => T | null): T | null {
  for (const leaf of leaves) {
    const found = look(leaf)
    if (found !== null) return found
  }
  return null
}

const sumOf = (pids: readonly number[], look: (pid: number) => number | null): number | null =>
  pids.map(look).reduce((total, value) => (value === null ? total : (total ?? 0) + value), null)

const larger = (a: number | null, b: number | null): number | null => (b === null ? a : Math.max(a ?? 0, b))
