import { openManager, UsageError } from '../../index.ts'
import { type ConsentFlags, consentOf } from '../consent.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'

export interface InstallFlags extends ConsentFlags {
  readonly allowDowngrade?: boolean
  readonly allowUnsigned?: string
  readonly until?: string
  readonly securityUpdate?: string
}

export async function install(settings: Settings, io: Io, tarball: string, options: InstallFlags) {
  const allowUnsigned = allowanceOf(options)
  await using manager = await openManager(settings)
  const report = await manager.install(tarball, {
    allowDowngrade: options.allowDowngrade === true,
    allowUnsigned,
    securityUpdate: options.securityUpdate,
    ...consentOf(settings, io, options),
  })
  if (settings.json) return void io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  const replaced = report.replaced === null ? '' : `, in place of ${report.replaced}`
  const unsigned = report.unsignedUntil === null ? '' : `, UNSIGNED until ${report.unsignedUntil}`
  io.stdout(`installed ${report.name} ${report.version}${replaced}${unsigned}\n`)
  if (!settings.quiet) io.stderr(`\nrun it: plugins run ${report.name}\n`)
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
