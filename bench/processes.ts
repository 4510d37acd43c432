import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A process and all below it. */
export function treeOf(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const)
  const below = (one: number): number[] => [
    one,
    ...parents.filter(([, parent]) => parent === one).flatMap(([child]) => below(child)),
  ]
  return below(pid)
}

const parentOf = (pid: string): number => Number(/^PPid:\s*(\d+)/m.exec(read(pid, 'status'))?.[1] ?? 0)
/** As the kernel names its program. */
export const commOf = (pid: number): string => read(String(pid), 'comm').trim()

/** In MiB. */
export function sumOf(pids: readonly number[], key: 'Rss' | 'Pss'): number {
  const kib = pids.map((pid) =>
    Number(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(read(String(pid), 'smaps_rollup'))?.[1] ?? 0),
  )
  return kib.reduce((sum, one) => sum + one, 0) / 1024
}

/** Empty when the process is gone. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(join('/proc', pid, file), 'utf8')
  } catch {
    return ''
  }
}
