import { readFileSync } from 'node:fs'

/** Children of a process, and theirs. */
export function childrenOf(pid: number): number[] {
  let listed: string
  try {
    listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  } catch {
    return []
  }
  return listed === ''
    ? []
    : listed
        .split(' ')
        .map(Number)
        .flatMap((child) => [child, ...childrenOf(child)])
}
