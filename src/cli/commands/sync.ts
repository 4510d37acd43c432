import {
  type LockReport,
  openManager,
  type SyncHostOptions,
  type SyncReport,
  type SyncRow,
  UsageError,
} from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { type Ongoing, ongoing } from '../progress.ts'
import { counted, plain, table } from '../text.ts'

/** The part of the manager that this command asks. */
export interface Syncing {
  sync(options: SyncHostOptions): Promise<SyncReport>
  writeLock(options: { readonly lockFile?: string | undefined }): Promise<LockReport>
}

export interface SyncFlags {
  readonly registry?: string
  readonly frozen?: boolean
  readonly prune?: boolean
  readonly dryRun?: boolean
  readonly write?: boolean
}

export async function sync(settings: Settings, io: Io, lockFile: string | undefined, flags: SyncFlags): Promise<void> {
  await using manager = await openManager(homeOf(settings))
  await ongoing(settings, io, (going) => syncOn(manager, settings, io, { ...flags, ...going, lockFile }))
}

export async function syncOn(
  manager: Syncing,
  settings: Settings,
  io: Io,
  flags: SyncFlags & Partial<Ongoing> & { readonly lockFile?: string | undefined },
): Promise<void> {
  const { lockFile, frozen, prune, dryRun, write, registry, signal, onProgress } = flags
  if (write === true) {
    const other = Object.entries({ '--frozen': frozen, '--prune': prune, '--dry-run': dryRun }).find(([, on]) => on)
    if (other !== undefined) throw bothWays(other[0])
    return toldOfWriting(settings, io, await manager.writeLock({ lockFile }))
  }
  const onRow = settings.json || settings.quiet ? undefined : (row: SyncRow) => io.stderr(`${lineOf(row)}\n`)
  toldOfSync(settings, io, await manager.sync({ lockFile, frozen, prune, dryRun, registry, signal, onProgress, onRow }))
}

const bothWays = (flag: string): UsageError =>
  new UsageError('USAGE', `cannot sync with --write and ${flag}: --write makes the lock file, the other goes by it`)

function toldOfWriting(settings: Settings, io: Io, report: LockReport) {
  if (settings.json) return void io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  const { lockFile, plugins, unchanged } = report
  const count = counted(plugins, 'plugin')
  io.stdout(unchanged ? `${plain(lockFile)} is as this host is (${count})\n` : `wrote ${plain(lockFile)} (${count})\n`)
}

function toldOfSync(settings: Settings, io: Io, report: SyncReport) {
  if (settings.json) return void io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  const { lockFile, rows, unchanged, dryRun } = report
  if (unchanged) return void io.stdout(`this host is as ${plain(lockFile)} says\n`)
  const shown = rows.filter(({ action }) => action !== 'keep')
  io.stdout(
    table(
      ['ACTION', 'NAME', 'FROM', 'TO', 'WHY'],
      shown.map(({ action, name, from, to, reason }) => [action, name, from ?? '-', to ?? '-', reason]),
      settings.columns,
    ),
  )
  if (!settings.quiet && shown.some(({ action }) => action === 'extra')) {
    io.stderr('\nwhat the lock file does not have stays; --prune removes it\n')
  }
  if (!settings.quiet && dryRun) io.stderr('\nnothing was changed: --dry-run\n')
}

/** While it goes on: what is being done now. */
function lineOf({ action, name, from, to }: SyncRow): string {
  const versions = from === null || to === null || from === to ? (to ?? from ?? '') : `${from} to ${to}`
  return `${action} ${plain(name)} ${plain(versions)}`.trimEnd()
}
