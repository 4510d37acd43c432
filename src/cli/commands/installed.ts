import { openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { signedBy } from '../signed-by.ts'
import { plain, table } from '../text.ts'

export async function list(settings: Settings, io: Io) {
  await using manager = await openManager(homeOf(settings))
  const plugins = manager.list()
  if (settings.json) return void io.stdout(`${JSON.stringify(plugins, null, 2)}\n`)
  if (plugins.length === 0) {
    if (!settings.quiet)
      io.stderr('no plugin is installed\n\nhint: plugins search, then plugins install NAME; or plugins install X.tgz\n')
    return
  }
  io.stdout(
    table(
      ['NAME', 'VERSION', 'STATE', 'INSTALLED', 'SIGNED BY'],
      plugins.map((plugin) => [
        plugin.name,
        plugin.version,
        plugin.quarantine === null ? plugin.state : `${plugin.state} ${day(plugin.quarantine.sinceMs)}`,
        day(plugin.installedAtMs),
        signedBy(plugin),
      ]),
      io.columns,
    ),
  )
  if (settings.quiet) return
  for (const { name, version, quarantine } of plugins)
    if (quarantine !== null) io.stderr(`${name} ${version} is in quarantine: ${plain(quarantine.reason)}\n`)
}

export async function enable(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(homeOf(settings))
  const plugin = await manager.enable(name)
  io.stdout(settings.json ? `${JSON.stringify(plugin, null, 2)}\n` : `enabled ${plugin.name} ${plugin.version}\n`)
}

export async function disable(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(homeOf(settings))
  const plugin = manager.disable(name)
  io.stdout(settings.json ? `${JSON.stringify(plugin, null, 2)}\n` : `disabled ${plugin.name} ${plugin.version}\n`)
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
