import { readdirSync, readFileSync, statSync } from 'node:fs'

/** USER_HZ is 100 on every architecture of ours. */
const MS_PER_TICK = 10

/** A small file of /proc or of a cgroup; `null` when it is not there, or not ours to read. */
export function readKernel(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}

/** A file that holds one number. */
export function kernelCount(path: string): number | null {
  const text = readKernel(path)
  return text === null ? null : countOf(text.trim())
}

/** The number after `key` at the beginning of a line. */
export function keyedCount(text: string | null, key: string): number | null {
  for (const line of text?.split('\n') ?? []) {
    if (!line.startsWith(key) || !/^[ \t]/.test(line.slice(key.length))) continue
    return countOf(line.slice(key.length).trim().split(/[ \t]/)[0] ?? '')
  }
  return null
}

const countOf = (text: string): number | null => (/^\d{1,16}$/.test(text) ? Number(text) : null)

export const statusOf = (pid: number): string | null => readKernel(`/proc/${pid}/status`)

/** Processes that a file lists. 0 stands for one of another pid namespace. */
export function pidsListed(path: string): number[] | null {
  const text = readKernel(path)
  if (text === null) return null
  return text
    .split(/\s+/)
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0)
}

/** A child is listed with the thread that forked it. */
export function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.flatMap((thread) => pidsListed(`/proc/${pid}/task/${thread}/children`) ?? [])
  } catch {
    return []
  }
}

/** Is it the first process of a pid namespace below ours? */
export function isFirst(pid: number): boolean {
  const ids = /^NSpid:\s*(.+)$/m.exec(statusOf(pid) ?? '')?.[1]?.split(/\s+/) ?? []
  return ids.length > 1 && ids.at(-1) === '1'
}

/** Its own time and that of children it has waited for. Its name may hold anything, but ends with the last bracket. */
export function cpuMsOf(pid: number): number | null {
  const stat = readKernel(`/proc/${pid}/stat`)
  if (stat === null) return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).map(Number)
  return ticks.length === 4 && ticks.every(Number.isFinite) ? sum(ticks) * MS_PER_TICK : null
}

/** Since Linux 6.2 the size of the folder is the number of descriptors; before, they are counted. */
export function openFilesOf(pid: number): number | null {
  const folder = `/proc/${pid}/fd`
  try {
    const { size } = statSync(folder)
    return size > 0 ? size : readdirSync(folder).length
  } catch {
    return null
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
