import {
  formatLimits,
  formatNetwork,
  type InstalledPlugin,
  openManager,
  type Quarantine,
  UsageError,
} from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { plain, record, table } from '../text.ts'

export async function list(settings: Settings, io: Io) {
  await using manager = await openManager(settings)
  const plugins = manager.list()
  if (settings.json) return void io.stdout(`${JSON.stringify(plugins, null, 2)}\n`)
  if (plugins.length === 0) {
    if (!settings.quiet) io.stderr('no plugin is installed\n\nhint: plugins install X.tgz\n')
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

export async function info(settings: Settings, io: Io, name: string | undefined, options: { signers?: boolean }) {
  if (options.signers === true) return (await import('./provenance.ts')).provenance(settings, io, name)
  if (name === undefined) {
    throw new UsageError('USAGE', 'cannot show: name a plugin, or --signers for all of them', {
      hint: 'plugins info NAME | plugins info --signers',
    })
  }
  await using manager = await openManager(settings)
  const plugin = await manager.info(name)
  if (settings.json) return void io.stdout(`${JSON.stringify(plugin, null, 2)}\n`)
  const none = (values: readonly string[]) => (values.length === 0 ? 'none' : values.join(', '))
  io.stdout(
    record([
      ['name', plugin.name],
      ['version', plugin.version],
      ['description', plugin.description ?? '-'],
      ['license', plugin.license ?? '-'],
      ['state', plugin.state],
      ...quarantined(plugin.quarantine),
      ['installed', new Date(plugin.installedAtMs).toISOString()],
      ['signed by', signedBy(plugin)],
      ['sha256', plugin.sha256],
      ['runtime', `${plugin.runtime}, ${plugin.protocol}`],
      ['user id', `${plugin.uid}`],
      ['network', formatNetwork(plugin.network)],
      ['reads', none(plugin.permissions.read)],
      ['environment', none(plugin.permissions.env)],
      ['limits', formatLimits(plugin.limits)],
      ['files', plugin.path],
    ]),
  )
}

export async function enable(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(settings)
  const plugin = await manager.enable(name)
  io.stdout(settings.json ? `${JSON.stringify(plugin, null, 2)}\n` : `enabled ${plugin.name} ${plugin.version}\n`)
}

export async function disable(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(settings)
  const plugin = manager.disable(name)
  io.stdout(settings.json ? `${JSON.stringify(plugin, null, 2)}\n` : `disabled ${plugin.name} ${plugin.version}\n`)
}

const signedBy = ({ signers, unsignedUntil }: InstalledPlugin): string =>
  unsignedUntil === null ? signers.join(', ') : `unsigned until ${unsignedUntil}`
const quarantined = (quarantine: Quarantine | null): [string, string][] =>
  quarantine === null
    ? []
    : [
        ['quarantined', new Date(quarantine.sinceMs).toISOString()],
        ['because', quarantine.reason],
      ]

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
