import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The files of one run, `spool/<run>/`. A hand-over has all of them, a run of the library only what the launcher writes. */
export const SPEC_FILE = 'spec'
export const REPORT_FILE = 'report'
/** The cgroup leaves it has, one a line: what to sweep should the launcher be killed. */
export const LEAVES_FILE = 'leaves'
export const JOURNAL_FILE = 'journal'
export const MINUTES_FILE = 'minutes'
/** What the operator has set for the plugin; of a run of the library only until the plugin has it. */
export const SETTINGS_FILE = 'config.json'
/** Where the host of a plugin of protocol grpc has sockets for it: a folder that the run is shown. */
export const SOCKETS_FOLDER = 'sockets'

/** The socket of a fork server, `launchers-PID-…` of the process that starts it: there until the server has it open. */
export const FORK_DOOR = /^launchers-(\d+)-[0-9a-f]{16}$/

export const newForkDoor = (): string => `launchers-${process.pid}-${randomBytes(8).toString('hex')}`

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

/** Readable by the plugin's own user, who has no other name for it: nobody else can enter the folder. */
export function writeSettings({ settings }: { readonly settings: { file: string; json: string } | null }): void {
  if (settings !== null) writeFileSync(settings.file, settings.json, { mode: 0o444, flag: 'wx' })
}

/** Read-only inside, and nobody else comes by: its parents are closed. Its modes are for a plugin of another user. */
export function makeSocketsFolder(folder: string): void {
  mkdirSync(folder)
  chmodSync(folder, 0o755)
}
