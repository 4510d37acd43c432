import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from '../host-tools.ts'
import { findLauncher } from '../launcher-binary.ts'
import { removeTree } from '../remove-tree.ts'

/** As many levels as the launcher opens at once come away each time. */
const TRIES = 2048

/**
 * Removes a folder whose content is a plugin's. Without root its folders may be closed to the user whose plugin it is: the
 * launcher, as the plugin's id, opens them.
 */
export function removeKept(folder: string): void {
  for (let tries = 0; ; tries++) {
    try {
      removeTree(folder)
      return
    } catch (error) {
      // Somebody else was removing it, too, and was faster.
      if (isGone(folder)) return
      if ((error as NodeJS.ErrnoException).code !== 'EACCES' || tries === TRIES || !unlocked(folder)) throw error
    }
  }
}

const isGone = (folder: string): boolean => lstatSync(folder, { throwIfNoEntry: false }) === undefined

function unlocked(folder: string): boolean {
  const own = process.geteuid?.()
  const [other] = readdirSync(folder)
    .map((name) => lstatSync(join(folder, name)))
    .filter(({ uid }) => uid !== own)
  if (other === undefined) return false
  return spawn(findLauncher(), ['--unlock', folder, `${other.uid}`, `${other.gid}`]).status === 0
}
