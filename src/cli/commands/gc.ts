import { formatSize, type GcReport, openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { counted, plain, table } from '../text.ts'

type Thing = GcReport['collected'][number]

/** What each kind of thing is called. */
const WHATS: Readonly<Record<Thing['what'], string>> = {
  release: 'release',
  version: 'version beyond those to keep',
  snapshot: 'snapshot',
  'snapshot-row': 'row of a snapshot',
  data: 'data of a purge',
  logs: 'logs of a purge',
  uid: 'user id',
  staging: 'interrupted work',
  download: 'old download',
}

export async function gc(settings: Settings, io: Io, flags: { dryRun?: boolean }): Promise<number> {
  await using manager = await openManager(homeOf(settings))
  const report = await manager.gc(flags)
  if (settings.json) io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  else tell(settings, io, report)
  return report.left.length > 0 ? 1 : 0
}

function tell(settings: Settings, io: Io, { isDryRun, collected, bytes, left, keptData, missing, foreign }: GcReport) {
  if (collected.length > 0) {
    const rows = collected.map((one) => [one.name ?? '-', WHATS[one.what], one.detail, sizeOf(one)])
    io.stdout(table(['PLUGIN', 'WHAT', 'WHICH', 'SIZE'], rows, io.columns))
  }
  const size = bytes === 0 ? '' : `, ${formatSize(bytes)}`
  const done = `${isDryRun ? 'would remove' : 'removed'} ${counted(collected.length, 'thing')}${size}`
  if (!settings.quiet) io.stderr(collected.length === 0 ? 'there is nothing to remove\n' : `${done}\n`)
  for (const one of left) io.stderr(`left: ${plain(one.path ?? `${one.what} ${one.detail}`)}: ${plain(one.reason)}\n`)
  if (settings.quiet) return
  for (const { name, path, bytes } of keptData)
    io.stderr(`kept: ${plain(path)}, ${formatSize(bytes)}; plugins remove ${name} --purge deletes it\n`)
  for (const { name, version } of missing)
    io.stderr(`missing: the files of ${name} ${version}; plugins repair ${name}\n`)
  for (const path of foreign) io.stderr(`not ours, and left alone: ${plain(path)}\n`)
}

const sizeOf = ({ path, bytes }: Thing): string => (path === null ? '-' : formatSize(bytes))
