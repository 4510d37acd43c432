import { openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { positive } from '../positive.ts'
import { plain, table } from '../text.ts'

export interface SearchFlags {
  readonly limit?: string
  readonly registry?: string
}

/** Exit code 1 when a registry could not be asked: what was found may not be all there is. */
export async function search(settings: Settings, io: Io, words: readonly string[], options: SearchFlags) {
  const limit = options.limit === undefined ? undefined : positive(options.limit, '--limit')
  await using manager = await openManager(homeOf(settings))
  const { registry } = options
  const { found, more, failed } = await manager.search(words.join(' '), { limit, registry, signal: io.ending() })
  if (settings.json) {
    io.stdout(`${JSON.stringify({ found, more, failed }, null, 2)}\n`)
  } else {
    if (found.length > 0) {
      io.stdout(
        table(
          ['NAME', 'VERSION', 'REGISTRY', 'DESCRIPTION'],
          found.map((one) => [one.name, one.version, one.registry, one.description ?? '-']),
          io.columns,
        ),
      )
    }
    if (!settings.quiet && found.length === 0 && failed.length === 0) {
      const isNowhere = registry === undefined && (await manager.registries.list()).length === 0
      io.stderr(
        isNowhere ? 'no registry is configured\n\nhint: plugins registry add NAME URL\n' : 'nothing was found\n',
      )
    }
    if (!settings.quiet && more > 0) io.stderr(`${more} more: --limit ${found.length + more} shows them\n`)
    for (const { registry: name, error } of failed)
      io.stderr(`registry ${plain(name)} was not searched: ${plain(error.message)}\n`)
  }
  return failed.length === 0 ? 0 : 1
}
