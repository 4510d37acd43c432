import { spawnSync } from 'node:child_process'

/**
 * Two folders exchange their names in one step, renameat2(2) by the launcher: Node has no such call. `false`: the launcher, the
 * kernel or the file system has none either, or one of them is not there; then nothing has happened.
 */
export function exchange(launcher: string, one: string, other: string): boolean {
  return spawnSync(launcher, ['--exchange', one, other], { stdio: 'ignore', env: {} }).status === 0
}
