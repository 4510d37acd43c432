import { type ApprovalReport, formatWho, openManager } from '../../index.ts'
import { wideningText } from '../consent-text.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { positive } from '../positive.ts'
import { plain, table } from '../text.ts'

/** Who agreed to what and when, and what waits for somebody to agree. */
export async function approvals(settings: Settings, io: Io, name: string | undefined, options: { limit?: string }) {
  const limit = positive(options.limit ?? '50', '--limit')
  await using manager = await openManager(homeOf(settings))
  const report = manager.approvals(name ?? null, limit)
  if (settings.json) return void io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  if (report.approvals.length > 0) io.stdout(given(report, io.columns))
  else if (!settings.quiet) io.stderr('nobody has agreed to anything yet\n')
  for (const { name, version, sinceMs, widening } of report.waiting) {
    io.stdout(
      [
        `\n${plain(name)} ${plain(version)} waits for somebody to agree, since ${time(sinceMs)}:\n`,
        wideningText(widening, io.columns),
      ].join(''),
    )
    if (!settings.quiet) io.stderr(`\nagree and update: plugins update ${plain(name)}\n`)
  }
}

const given = ({ approvals }: ApprovalReport, columns: number): string =>
  table(
    ['TIME', 'NAME', 'VERSION', 'WAY', 'WHO'],
    approvals.map(({ atMs, name, version, way, who }) => [time(atMs), name, version, way, formatWho(who)]),
    columns,
  )

/** A hand in the database can write what no date is. */
const time = (ms: number): string =>
  Number.isFinite(new Date(ms).getTime()) ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ') : '-'
