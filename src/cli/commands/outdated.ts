import { type OutdatedPlugin, openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { table } from '../text.ts'

export async function outdated(settings: Settings, io: Io, names: readonly string[], flags: { registry?: string }) {
  await using manager = await openManager(settings)
  const all = await manager.outdated(names, flags)
  if (settings.json) return void io.stdout(`${JSON.stringify(all, null, 2)}\n`)
  const shown = names.length > 0 ? all : all.filter(isWorthSaying)
  if (shown.length === 0) {
    const what = all.length === 0 ? 'nothing here came from a registry' : `all ${all.length} are up to date`
    if (!settings.quiet) io.stderr(`${what}\n`)
    return
  }
  const rows = shown.map((one) => [one.name, one.version, one.update ?? '-', one.newest ?? '-', whyOf(one)])
  io.stdout(table(['NAME', 'INSTALLED', 'UPDATE', 'NEWEST', 'WHY'], rows, settings.columns))
}

const isWorthSaying = ({ update, newest, version, waits, deprecated, reason }: OutdatedPlugin): boolean =>
  update !== null || waits !== null || deprecated !== null || (newest === null ? reason !== null : newest !== version)

function whyOf({ held, waits, reason, deprecated }: OutdatedPlugin): string {
  return [
    ...(held ? ['held'] : []),
    ...(waits === null ? [] : [`${waits} waits for approval`]),
    ...(reason === null ? [] : [reason]),
    ...(deprecated === null ? [] : [`deprecated: ${deprecated}`]),
  ].join('; ')
}
