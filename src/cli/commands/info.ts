import {
  formatLimits,
  formatNetwork,
  formatSize,
  formatWho,
  formatWidening,
  type Hold,
  openManager,
  type PluginInfo,
  type PluginOffer,
  type Quarantine,
  UsageError,
} from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { signedBy } from '../signed-by.ts'
import { plain, record, table } from '../text.ts'

export interface InfoFlags {
  readonly signers?: boolean
  readonly versions?: boolean
  readonly registry?: string
}

/** Of what is installed; what is not, or is asked for by a registry, as that lists it. */
export async function info(settings: Settings, io: Io, name: string | undefined, flags: InfoFlags) {
  if (flags.signers === true) return (await import('./provenance.ts')).provenance(settings, io, name)
  if (name === undefined) {
    throw new UsageError('USAGE', 'cannot show: name a plugin, or --signers for all of them', {
      hint: 'plugins info NAME | plugins info --signers',
    })
  }
  const { registry } = flags
  await using manager = await openManager(homeOf(settings))
  const isOffer = registry !== undefined || flags.versions === true || !manager.isInstalled(name)
  const found = isOffer ? await manager.offer(name, { registry, signal: io.ending() }) : await manager.info(name)
  if (settings.json) return void io.stdout(`${JSON.stringify(found, null, 2)}\n`)
  if ('releases' in found) tellOffer(settings, io, found, registry)
  else io.stdout(record(rowsOf(found), io.columns))
}

const rowsOf = (plugin: PluginInfo): [string, string][] => [
  ['name', plugin.name],
  ['version', plugin.version],
  ['description', plugin.description ?? '-'],
  ['license', plugin.license ?? '-'],
  ['state', plugin.state],
  ...quarantined(plugin.quarantine),
  ...held(plugin.hold),
  ...(plugin.waits === null
    ? []
    : ([['waits', `${plugin.waits.version}, for somebody to agree to: ${formatWidening(plugin.waits.widening)}`]] as [
        string,
        string,
      ][])),
  ['installed', new Date(plugin.installedAtMs).toISOString()],
  ['from', plugin.source === null ? 'a file' : `registry ${plugin.source}`],
  ...(plugin.asked === null ? [] : ([['asked for', plugin.asked]] as [string, string][])),
  ['kept', listed(plugin.kept)],
  ['signed by', signedBy(plugin)],
  ['sha256', plugin.sha256],
  ['runtime', `${plugin.runtime}, ${plugin.protocol}`],
  ['requires', ranges(plugin.requires)],
  ['needed by', listed(plugin.neededBy.map(({ name, version, range }) => `${name} ${version} (${range})`))],
  ['user id', `${plugin.uid}`],
  ['network', formatNetwork(plugin.network)],
  ['reads', listed(plugin.permissions.read)],
  ['environment', listed(plugin.permissions.env)],
  ...settingsOf(plugin),
  ['limits', formatLimits(plugin.limits)],
  ['files', plugin.path],
]

const listed = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join(', '))

/** `units (si or us; set)`, `key (needed, secret)`: what the operator has to know, and never a value that is set. */
function settingsOf({ config, set }: PluginInfo): [string, string][] {
  const names = Object.keys(config)
  if (names.length === 0) return []
  const shown = names.map((name) => {
    const { type, enum: allowed, required, secret, default: standard } = config[name] as PluginInfo['config'][string]
    const words = [
      allowed === undefined ? type : allowed.join(' or '),
      ...(secret === true ? ['secret'] : []),
      set.includes(name)
        ? 'set'
        : standard !== undefined
          ? `else ${standard}`
          : required === true
            ? 'needed'
            : 'optional',
    ]
    return `${name} (${words.join(', ')})`
  })
  return [['settings', listed(shown.map(plain))]]
}

const ranges = (of: Readonly<Record<string, string>>): string =>
  listed(Object.entries(of).map(([name, range]) => `${name} ${range}`))

const quarantined = (quarantine: Quarantine | null): [string, string][] =>
  quarantine === null
    ? []
    : [
        ['quarantined', new Date(quarantine.sinceMs).toISOString()],
        ['because', quarantine.reason],
      ]

const held = (hold: Hold | null): [string, string][] =>
  hold === null
    ? []
    : [
        ['held', `${hold.until === null ? 'until unhold' : `until ${hold.until}`}, by ${formatWho(hold.who)}`],
        ...(hold.reason === null ? [] : ([['because', hold.reason]] as [string, string][])),
      ]

/** Versions that are shown in a table; all of them are in `--json`. */
const SHOWN_MAX = 20

function tellOffer(settings: Settings, io: Io, offer: PluginOffer, named: string | undefined): void {
  const { name, version, installed, releases } = offer
  io.stdout(`${record(offerRows(offer), io.columns)}\n`)
  io.stdout(
    table(
      ['VERSION', 'LISTED', 'SIZE', 'NOTE'],
      releases
        .slice(0, SHOWN_MAX)
        .map((one) => [one.version, day(one.listedAtMs), formatSize(one.bytes), noteOf(one, installed)]),
      io.columns,
    ),
  )
  if (settings.quiet) return
  if (releases.length > SHOWN_MAX) io.stderr(`${releases.length - SHOWN_MAX} more: --json shows them\n`)
  io.stderr('\nThis is what the registry says; it is verified when it is installed.\n')
  const from = named === undefined ? '' : ` --registry ${plain(named)}`
  if (version !== null && version !== installed) io.stderr(`hint: plugins install ${name}${from}\n`)
}

/** Of the version that would be taken, and of the newest where there is none. */
function offerRows({ name, registry, installed, version, reason, brings, releases }: PluginOffer): [string, string][] {
  const [newest] = releases
  const shown = releases.find((one) => one.version === version) ?? newest
  return [
    ['name', name],
    ['installed', installed ?? 'no'],
    ['registry', registry],
    ['newest', newest?.version ?? '-'],
    ['would come', version === null ? 'nothing' : version === installed ? 'nothing newer' : version],
    ...(reason === null ? [] : ([['because', reason]] as [string, string][])),
    ...(brings.length === 0
      ? []
      : ([['with it', brings.map((one) => `${one.name} ${one.version}`).join(', ')]] as [string, string][])),
    ['description', shown?.description ?? '-'],
    ['requires', ranges(shown?.requires ?? {})],
    ['engines', ranges(shown?.engines ?? {})],
    ['platforms', shown?.platforms?.join(', ') ?? 'all'],
    ['size', shown === undefined ? '-' : formatSize(shown.bytes)],
    ['sha256', shown?.sha256 ?? '-'],
  ]
}

function noteOf(
  { version, yanked, deprecated, unusable }: PluginOffer['releases'][number],
  installed: string | null,
): string {
  return [
    ...(version === installed ? ['installed'] : []),
    ...(yanked === null ? [] : [`yanked: ${yanked}`]),
    ...(deprecated === null ? [] : [`deprecated: ${deprecated}`]),
    ...(unusable === null ? [] : [unusable]),
  ].join('; ')
}

const day = (ms: number | null): string => (ms === null ? '-' : new Date(ms).toISOString().slice(0, 10))
