import { openManager, type RepairReport, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { ongoing } from '../progress.ts'
import { plain, type Style, styleFor } from '../text.ts'

export interface RepairFlags {
  readonly all?: boolean
  readonly from?: string
  readonly registry?: string
  readonly dryRun?: boolean
}

type Release = RepairReport['releases'][number]

export async function repair(
  settings: Settings,
  io: Io,
  name: string | undefined,
  { all, ...flags }: RepairFlags,
): Promise<number> {
  if ((name === undefined) !== (all === true)) {
    throw new UsageError('USAGE', 'cannot repair: name one plugin, or --all', { hint: 'plugins repair NAME | --all' })
  }
  await using manager = await openManager(homeOf(settings))
  const report = await ongoing(settings, io, (going) => manager.repair(name ?? null, { ...flags, ...going }))
  if (settings.json) io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  else tell(settings, io, report)
  return Math.max(0, ...report.releases.map(({ error }) => error?.exitCode ?? 0))
}

function tell(settings: Settings, io: Io, { releases, strangers, foreign }: RepairReport): void {
  const style = styleFor(settings.color)
  for (const one of releases) io.stdout(`${one.name} ${plain(one.version)}: ${outcomeOf(one, style)}\n`)
  for (const { error } of releases) {
    if (error === null) continue
    io.stderr(`plugins: ${plain(error.message)}\n${error.hint === undefined ? '' : `\nhint: ${plain(error.hint)}\n`}`)
  }
  if (settings.quiet) return
  for (const { path } of strangers) io.stderr(`nothing says what this is: ${plain(path)}; plugins gc removes it\n`)
  for (const path of foreign) io.stderr(`not ours, and left alone: ${plain(path)}\n`)
}

function outcomeOf({ outcome, by, found, state, name, error }: Release, style: Style): string {
  switch (outcome) {
    case 'good':
      return `${style('good', 'good')}, every file as it was signed`
    case 'failed':
      return style('bad', `not repaired (${error?.code ?? 'REPAIR_FAILED'})`)
    case 'repaired':
    case 'repairable': {
      const from = by === 'tarball' ? 'from its tarball' : 'with what is here'
      const verb = outcome === 'repaired' ? style('good', 'repaired') : 'would be repaired'
      const away = state === 'quarantined' ? `; it stays in quarantine: plugins enable ${name}` : ''
      return `${verb} ${from}${countsOf(found)}${away}`
    }
  }
}

/** ` (2 modified, 1 extra)`; nothing where all of it was made anew. */
function countsOf(found: Release['found']): string {
  const counts = (['modified', 'missing', 'extra'] as const).flatMap((kind) =>
    found[kind].length === 0 ? [] : [`${found[kind].length} ${kind}`],
  )
  return counts.length === 0 ? '' : ` (${counts.join(', ')})`
}
