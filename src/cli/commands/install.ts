import { formatSize, type GetReport, type InstallReport, isRequest, openManager, UsageError } from '../../index.ts'
import { type ConsentFlags, consentOf } from '../consent.ts'
import { consentText } from '../consent-text.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { ongoing } from '../progress.ts'
import { table } from '../text.ts'

export interface InstallFlags extends ConsentFlags {
  readonly registry?: string
  readonly allowDowngrade?: boolean
  readonly allowUnsigned?: string
  readonly until?: string
  readonly securityUpdate?: string
  readonly lock?: string
  readonly dryRun?: boolean
}

/** Tarballs as they are named, then what is asked for by name, chosen together. */
export async function install(settings: Settings, io: Io, sources: readonly string[], flags: InstallFlags) {
  const allowUnsigned = allowanceOf(flags)
  const { registry, securityUpdate, dryRun } = flags
  await using manager = await openManager(homeOf(settings))
  const names = await namesAmong(sources)
  const files = sources.filter((source) => !names.includes(source))
  const options = {
    registry,
    securityUpdate,
    dryRun,
    allowUnsigned,
    allowDowngrade: flags.allowDowngrade === true,
    ...consentOf(settings, io, flags),
  }
  const done = await ongoing(settings, io, async (going) => {
    if (dryRun === true) return preview(settings, io, manager, files, names, { ...options, ...going })
    const reports: InstallReport[] = []
    for (const file of files) reports.push(await manager.install(file, { ...options, ...going }))
    const got = names.length === 0 ? null : await manager.installAll(names, { ...options, ...going })
    return { reports, got }
  })
  if (done === null) return
  if (flags.lock !== undefined) await manager.writeLock({ lockFile: flags.lock })
  tell(settings, io, done)
}

async function namesAmong(sources: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const source of sources) if (await isRequest(source)) found.push(source)
  return found
}

type Manager = Awaited<ReturnType<typeof openManager>>

async function preview(
  settings: Settings,
  io: Io,
  manager: Manager,
  files: readonly string[],
  names: readonly string[],
  options: Parameters<Manager['installAll']>[1],
): Promise<null> {
  const questions = []
  for (const file of files) questions.push(await manager.preview(file, options))
  const planned = names.length === 0 ? [] : (await manager.installAll(names, options)).planned
  if (settings.json) io.stdout(`${JSON.stringify({ questions, planned }, null, 2)}\n`)
  else {
    for (const question of questions) io.stdout(consentText(question, io.columns))
    if (planned.length > 0) io.stdout(plan(planned, io.columns))
    if (!settings.quiet) io.stderr('nothing was installed: --dry-run\n')
  }
  return null
}

const plan = (planned: GetReport['planned'], columns: number): string =>
  table(
    ['ACTION', 'NAME', 'FROM', 'TO', 'REGISTRY', 'SIZE', 'NEEDED BY'],
    planned.map(({ action, name, version, from, registry, bytes, neededBy }) => [
      action,
      name,
      from ?? '-',
      version,
      registry ?? '-',
      bytes === null ? '-' : formatSize(bytes),
      neededBy.at(-1)?.name ?? '-',
    ]),
    columns,
  )

function tell(
  settings: Settings,
  io: Io,
  { reports, got }: { readonly reports: readonly InstallReport[]; readonly got: GetReport | null },
): void {
  const all = [...reports, ...(got?.installed ?? [])]
  if (settings.json) {
    // One tarball is one report; what was asked for by name may be several.
    const shown = got === null && reports.length === 1 ? reports[0] : all
    return void io.stdout(`${JSON.stringify(shown, null, 2)}\n`)
  }
  for (const { name, version, replaced, unsignedUntil } of all) {
    const before = replaced === null ? '' : `, in place of ${replaced}`
    const unsigned = unsignedUntil === null ? '' : `, UNSIGNED until ${unsignedUntil}`
    io.stdout(`installed ${name} ${version}${before}${unsigned}\n`)
  }
  const last = all.at(-1)
  if (!settings.quiet && last !== undefined) io.stderr(`\n${nextOf(last)}\n`)
}

/** What is done with it depends on what it speaks: `plugins run` of a server would wait for messages that nobody types. */
function nextOf({ name, protocol }: InstallReport): string {
  switch (protocol) {
    case 'stdio':
      return `run it: plugins run ${name}`
    case 'mcp':
      return `use it: plugins mcp-config ${name}, or sandboxed() of @bulkhead/plugins/mcp in a host application`
    case 'jsonrpc':
      return `use it: plugins.load('${name}') in a host application`
    case 'grpc':
      return `use it: loadGoPlugin() of @bulkhead/plugins/grpc in a host application`
  }
}

/** One flag without the other says half of what must be said. */
function allowanceOf({ allowUnsigned: name, until }: InstallFlags) {
  if (name === undefined && until === undefined) return undefined
  if (name !== undefined && until !== undefined) return { name, until }
  const missing = name === undefined ? '--allow-unsigned NAME' : '--until DATE'
  throw new UsageError('USAGE', `cannot allow an unsigned plugin: ${missing} is missing`, {
    hint: 'plugins install X.tgz --allow-unsigned acme/hello --until 7d',
  })
}
