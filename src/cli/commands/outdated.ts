import { type OutdatedPlugin, openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, table } from '../text.ts'

/** Exit code 1 where a registry could not tell: that nothing newer is shown may not be all. */
export async function outdated(settings: Settings, io: Io, names: readonly string[], flags: { registry?: string }) {
  await using manager = await openManager(homeOf(settings))
  const all = await manager.outdated(names, flags)
  const exitCode = all.some(isUnknown) ? 1 : 0
  if (settings.json) {
    io.stdout(`${JSON.stringify(all, null, 2)}\n`)
    return exitCode
  }
  const shown = names.length > 0 ? all : all.filter(isWorthSaying)
  if (shown.length === 0) {
    const what = all.length === 0 ? 'nothing here came from a registry' : `all ${all.length} are up to date`
    if (!settings.quiet) io.stderr(`${what}\n`)
    return exitCode
  }
  const rows = shown.map((one) => [one.name, one.version, one.update ?? '-', one.newest ?? '-', whyOf(one)])
  io.stdout(table(['NAME', 'INSTALLED', 'UPDATE', 'NEWEST', 'WHY'], rows, settings.columns))
  const hint = hintFor(shown, flags)
  if (hint !== null && !settings.quiet) io.stderr(`\nhint: ${hint}\n`)
  return exitCode
}

/** What brings the updates; one that waits is asked about by its name. */
function hintFor(shown: readonly OutdatedPlugin[], { registry }: { readonly registry?: string }): string | null {
  const found = shown.filter(({ update }) => update !== null)
  const [first, ...more] = found
  if (first === undefined) return null
  // It came from a file: an update does not know where to look, an installation does.
  const fromFiles = found.filter(({ source }) => source === null && registry === undefined)
  if (fromFiles.length > 0) return `plugins install ${fromFiles.map(({ name }) => name).join(' ')}`
  const what = more.length === 0 ? first.name : '--all'
  return `plugins update ${what}${registry === undefined ? '' : ` --registry ${plain(registry)}`}`
}

const isWorthSaying = ({ update, newest, version, waits, deprecated, reason }: OutdatedPlugin): boolean =>
  update !== null || waits !== null || deprecated !== null || (newest === null ? reason !== null : newest !== version)

const isUnknown = ({ newest, reason }: OutdatedPlugin): boolean => newest === null && reason !== null

function whyOf({ waits, reason, deprecated }: OutdatedPlugin): string {
  return [
    ...(waits === null ? [] : [`${waits} waits for approval`]),
    ...(reason === null ? [] : [reason]),
    ...(deprecated === null ? [] : [`deprecated: ${deprecated}`]),
  ].join('; ')
}
