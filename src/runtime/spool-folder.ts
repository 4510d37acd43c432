import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** The files of one run, `spool/<run>/`. A hand-over has all of them, a run of the library only what the launcher writes. */
export const SPEC_FILE = 'spec'
export const REPORT_FILE = 'report'
/** The cgroup leaves it has, one a line: what to sweep should the launcher be killed. */
export const LEAVES_FILE = 'leaves'
export const JOURNAL_FILE = 'journal'
export const MINUTES_FILE = 'minutes'
/** Where the host of a plugin of protocol grpc has sockets for it: a folder that the run is shown. */
export const SOCKETS_FOLDER = 'sockets'

/** What the launcher writes there while the run goes on, for its specification. */
export const watchFiles = (folder: string) => ({
  journalFile: join(folder, JOURNAL_FILE),
  samplesFile: join(folder, MINUTES_FILE),
})

/** A folder that is this run's alone: what is there already, a link among it, is never taken for it. */
export function makeSpoolFolder(spool: string, run: string): string {
  const folder = join(spool, run)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(spool, { recursive: true, mode: 0o700 })
    mkdirSync(folder, { mode: 0o700 })
  }
  return folder
}

/** Read-only inside, and nobody else comes by: its parents are closed. Its modes are for a plugin of another user. */
export function makeSocketsFolder(folder: string): void {
  mkdirSync(folder)
  chmodSync(folder, 0o755)
}
