import { spawn } from 'node:child_process'
import { closeSync, constants, fsyncSync, openSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Below this, one fsync per file costs less than a process. */
const FEW = 16

/**
 * Makes a whole tree durable. Thousands of fsyncs are thousands of journal commits; one syncfs (`sync -f`) is one. Where
 * that program is missing or fails, every file and folder is flushed by itself.
 */
export async function flushTree(tree: string): Promise<void> {
  const paths = pathsOf(tree)
  if (paths.length > FEW && (await syncFileSystem(tree))) return
  for (const path of paths) flush(path)
}

/** Makes the names in a folder durable: a rename lasts when the folder it went into is flushed. */
export function flush(path: string): void {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes the names of a new path durable, from its own folder up to `top`, whichever of them are new. */
export function flushParents(path: string, top: string): void {
  for (let folder = dirname(path); folder.startsWith(top); folder = dirname(folder)) flush(folder)
}

function pathsOf(tree: string): string[] {
  const below = readdirSync(tree, { withFileTypes: true }).flatMap((entry) => {
    const path = join(tree, entry.name)
    if (entry.isDirectory()) return pathsOf(path)
    return entry.isFile() ? [path] : [] // a link's content is its folder's
  })
  return [...below, tree]
}

function syncFileSystem(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const sync = spawn('/bin/sync', ['-f', path], { stdio: 'ignore', env: {} })
    sync.once('error', () => resolve(false))
    sync.once('close', (code) => resolve(code === 0))
  })
}
