import { closeSync, constants, openSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { StoreError } from '../core/errors.ts'

const PATIENCE_MS = 60_000

/**
 * Removes a folder whose content is a plugin's. It may be deeper than there are descriptors and longer than a path may be,
 * and the plugin may still be at work in it: so it is never walked down, but taken apart from above, folders inside
 * folders being moved to the top; and every folder is a descriptor, opened through no link.
 */
export function removeTree(top: string): void {
  const deadline = Date.now() + PATIENCE_MS
  let moved = 0
  within(top, (folder) => {
    for (let names = readdirSync(folder); names.length > 0; names = readdirSync(folder)) {
      for (const name of names) {
        if (Date.now() > deadline) throw new StoreError('STORE_BUSY', `cannot remove ${top}: somebody keeps filling it`)
        removeEntry(`${folder}/${name}`, () => `${folder}/.removed-${moved++}`)
      }
    }
  })
  rmdirSync(top)
}

function removeEntry(path: string, elsewhere: () => string): void {
  if (!isFolder(path)) return
  within(path, (folder) => {
    for (const name of readdirSync(folder)) {
      const inner = `${folder}/${name}`
      // A folder in the way is one of an earlier try: the next number is free some time.
      if (isFolder(inner)) while (!attempt(() => renameSync(inner, elsewhere()), ['ENOTEMPTY', 'EEXIST', 'ENOTDIR']));
    }
  })
  attempt(() => rmdirSync(path), ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'])
}

/** Unlinks whatever is no folder. */
const isFolder = (path: string): boolean =>
  !attempt(() => unlinkSync(path), ['EISDIR', 'EPERM']) &&
  attempt(() => rmdirSync(path), ['ENOTEMPTY', 'EEXIST']) === false

/** `false`: it failed in one of the ways that were expected. What has vanished meanwhile is done. */
function attempt(work: () => void, expected: readonly string[]): boolean {
  try {
    work()
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (expected.includes(code)) return false
    if (code === 'ENOENT') return true
    throw error
  }
}

function within(path: string, work: (folder: string) => void): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    work(`/proc/self/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}
