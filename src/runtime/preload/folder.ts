import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isFailure } from '../../core/disk-failure.ts'

/** Not the name of a run: whoever takes up what runs have left passes it by. */
const PARENTS = '_parents'
/** What the launcher mounts something on. */
const MOUNT_POINTS = ['bulkhead', 'dev', 'proc', 'usr']
const LINKS: Readonly<Record<string, string>> = { bin: 'usr/bin', lib: 'usr/lib', lib64: 'usr/lib64' }

/** A folder of a parent's own, which nobody but its owner may enter, with an empty chroot directory in it. */
export function makeParentFolder(spool: string, run: string): { readonly folder: string; readonly root: string } {
  mkdirSync(join(spool, PARENTS), { recursive: true, mode: 0o700 })
  // Whose it is, for whoever finds it when that process is gone.
  const folder = join(spool, PARENTS, `${process.pid}-${run}`)
  const root = join(folder, 'root')
  mkdirSync(folder, { mode: 0o700 })
  mkdirSync(root, { mode: 0o755 })
  for (const name of MOUNT_POINTS) mkdirSync(join(root, name), { mode: 0o755 })
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(root, name))
  return { folder, root }
}

/** What cannot be deleted is left for the next process, and keeps nobody from anything. */
export function removeParentFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch (error) {
    if (!isFailure(error)) throw error
  }
}

/** Those of processes that are gone, and whose parents are gone with them; `sweep` is told what each was called. */
export function sweepParentFolders(spool: string, sweep: (run: string) => void): void {
  for (const name of list(join(spool, PARENTS))) {
    const [, pid, run] = /^(\d+)-(parent-[0-9a-f]+)$/.exec(name) ?? []
    if (pid !== undefined && isAlive(Number(pid))) continue
    if (run !== undefined) sweep(run)
    removeParentFolder(join(spool, PARENTS, name))
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
