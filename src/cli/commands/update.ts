import { formatWidening, openManager, type UpdateResult, UsageError } from '../../index.ts'
import { type ConsentFlags, consentOf } from '../consent.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { ongoing } from '../progress.ts'
import { plain, table } from '../text.ts'

export interface UpdateFlags extends ConsentFlags {
  readonly all?: boolean
  readonly to?: string
  readonly registry?: string
  readonly securityUpdate?: string
  readonly allowDowngrade?: boolean
  readonly restart?: boolean
  readonly dryRun?: boolean
  readonly lock?: string
}

/** Exit code 1 when something that is named waits, or when one of all failed. */
export async function update(settings: Settings, io: Io, names: readonly string[], flags: UpdateFlags) {
  assertScope(names, flags)
  await using manager = await openManager(homeOf(settings))
  const results = await ongoing(settings, io, (going) => {
    const { to, registry, securityUpdate, allowDowngrade, restart, dryRun } = flags
    const chosen = { to, registry, securityUpdate, allowDowngrade, restart, dryRun }
    const options = { ...chosen, ...consentOf(settings, io, flags), mode: modeOf(io, flags), ...going }
    return flags.all === true ? manager.updateAll(options) : manager.update(names, options)
  })
  if (flags.lock !== undefined && flags.dryRun !== true) await manager.writeLock({ lockFile: flags.lock })
  if (settings.json) io.stdout(`${JSON.stringify(results, null, 2)}\n`)
  else tell(settings, io, results, flags)
  const isUnfinished = (one: UpdateResult) =>
    one.outcome === 'failed' || (flags.all !== true && one.outcome === 'waits')
  return results.some(isUnfinished) ? 1 : 0
}

function assertScope(names: readonly string[], { all, to, allowDowngrade }: UpdateFlags): void {
  if (names.length > 0 === (all === true)) {
    throw new UsageError('USAGE', 'cannot update: name plugins, or --all', { hint: 'plugins update NAME... | --all' })
  }
  if (to !== undefined && names.length !== 1) throw new UsageError('USAGE', 'cannot update with --to: name one plugin')
  if (allowDowngrade === true && to === undefined)
    throw new UsageError('USAGE', 'cannot update with --allow-downgrade: --to VERSION is missing')
}

/** Of all, or where there is nobody to ask, what is wider than agreed waits; what is named is asked about. */
const modeOf = (io: Io, { all, yes }: UpdateFlags): 'ask' | 'hold' =>
  yes !== true && (all === true || io.canAsk !== true) ? 'hold' : 'ask'

function tell(settings: Settings, io: Io, results: readonly UpdateResult[], flags: UpdateFlags): void {
  if (results.length === 0) {
    if (!settings.quiet) io.stderr('nothing here came from a registry\n')
    return
  }
  const rows = results.map((one) => [one.name, one.from ?? '-', one.to ?? '-', SAID[one.outcome], whyOf(one)])
  io.stdout(table(['NAME', 'FROM', 'TO', 'RESULT', 'WHY'], rows, settings.columns))
  if (settings.quiet) return
  for (const { name, to, outcome, widening } of results) {
    if (outcome !== 'waits' || widening === null) continue
    io.stderr(`\n${name} ${to} waits for somebody to agree to: ${plain(formatWidening(widening))}\n`)
    const named = flags.to === undefined ? name : `${name} --to ${to}`
    io.stderr(`hint: plugins update ${named} asks you; the installed version runs on\n`)
  }
}

const SAID: Readonly<Record<UpdateResult['outcome'], string>> = {
  updated: 'updated',
  installed: 'installed',
  current: 'up to date',
  held: 'held',
  waits: 'waits',
  failed: 'failed',
  planned: 'would come',
}

function whyOf({ outcome, reason, widening, passedOver }: UpdateResult): string {
  if (outcome === 'waits') return widening === null ? (reason ?? '') : 'asks for more than was agreed to'
  const [newer] = passedOver
  if (outcome === 'current' && newer !== undefined) return `${newer.version}: ${newer.reason}`
  return outcome === 'failed' || outcome === 'held' ? (reason ?? '') : ''
}
