import { openManager, openMarketplace, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { counted, plain, record, table } from '../text.ts'

export interface RegistryAddOptions {
  readonly namespaces?: string[]
  readonly first?: boolean
  readonly insecure?: boolean
  readonly tokenFile?: string
}

export async function registryAdd(settings: Settings, io: Io, name: string, url: string, options: RegistryAddOptions) {
  await using manager = await openManager(homeOf(settings))
  const added = await manager.registries.add(name, { url, ...options })
  if (settings.json) return print(io, added)
  io.stdout(
    record([
      ['registry', added.name],
      ['address', added.url],
      ['serves', added.namespaces.join(', ')],
    ]),
  )
  if (!settings.quiet) for (const note of added.notes) io.stderr(`note: ${plain(note)}\n`)
}

export async function registryList(settings: Settings, io: Io) {
  await using manager = await openManager(homeOf(settings))
  const registries = await manager.registries.list()
  if (settings.json) return print(io, registries)
  if (registries.length === 0) {
    if (!settings.quiet) io.stderr('no registry is configured\n\nhint: plugins registry add NAME URL\n')
    return
  }
  // In the order in which they are asked.
  io.stdout(
    table(
      ['NAME', 'SERVES', 'ADDRESS'],
      registries.map(({ name, namespaces, url, insecure }) => [
        name,
        namespaces.join(', '),
        insecure ? `${url} (insecure)` : url,
      ]),
      io.columns,
    ),
  )
}

export async function registryRemove(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(homeOf(settings))
  const removed = await manager.registries.remove(name)
  if (settings.json) return print(io, removed)
  io.stdout(`removed ${plain(removed.name)}; what was installed from it stays\n`)
}

export async function registryBuild(settings: Settings, io: Io, dir: string, options: { prune?: boolean }) {
  const report = await (await openMarketplace()).buildRegistry(dir, options)
  if (settings.json) return print(io, report)
  for (const { name, version } of report.added) io.stdout(`added ${name} ${version}\n`)
  for (const { name, version } of report.removed) io.stdout(`removed ${name} ${version}\n`)
  if (settings.quiet) return
  const files = report.written === 0 ? 'the index was up to date' : `files written: ${report.written}`
  io.stderr(`${counted(report.plugins, 'plugin')}, ${counted(report.releases, 'release')}; ${files}\n`)
}

export interface MarkOptions {
  readonly reason?: string
  readonly undo?: boolean
}

export async function registryYank(settings: Settings, io: Io, dir: string, release: string, options: MarkOptions) {
  const { name, version } = await (await openMarketplace()).yank(dir, release, reasonOf('yank', options))
  const marked = { name, version, yanked: options.reason ?? null }
  sayMarked(settings, io, marked, options.undo === true ? 'listed again' : 'yanked')
}

export async function registryDeprecate(
  settings: Settings,
  io: Io,
  dir: string,
  release: string,
  options: MarkOptions,
) {
  const { name, version } = await (await openMarketplace()).deprecate(dir, release, reasonOf('deprecate', options))
  const said = options.undo === true ? 'not deprecated any more' : 'deprecated'
  const marked = { name, version, deprecated: options.reason ?? null }
  sayMarked(settings, io, marked, said)
}

function reasonOf(verb: string, { reason, undo }: MarkOptions): string | null {
  if ((reason === undefined) !== (undo === true)) {
    throw new UsageError('USAGE', `cannot ${verb}: expected either --reason TEXT or --undo`)
  }
  return reason ?? null
}

function sayMarked(settings: Settings, io: Io, marked: object & { name: string; version: string }, said: string) {
  if (settings.json) return print(io, marked)
  io.stdout(`${marked.name} ${plain(marked.version)}: ${said}\n`)
}

function print(io: Io, value: unknown): undefined {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`)
}
