import { openManager, type TrustEntry, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { plain, record, table } from '../text.ts'

export async function trustAdd(
  settings: Settings,
  io: Io,
  keyFile: string,
  options: { for: string; principal?: string; threshold?: string },
) {
  await using manager = await openManager(settings)
  const threshold = options.threshold === undefined ? undefined : Number(options.threshold)
  if (threshold !== undefined && !(Number.isInteger(threshold) && threshold >= 1)) {
    throw new UsageError('USAGE', `cannot use --threshold "${options.threshold}": expected a whole number from 1`)
  }
  const added = await manager.trust.add(keyFile, { pattern: options.for, principal: options.principal, threshold })
  if (settings.json) return void io.stdout(`${JSON.stringify(added, null, 2)}\n`)
  io.stdout(
    record([
      ['key', added.id],
      ['may sign', added.pattern],
    ]),
  )
  sayNotes(settings, io, added.notes)
}

export async function trustList(settings: Settings, io: Io, name: string | undefined) {
  await using manager = await openManager(settings)
  const rows = manager.trust.list(name)
  if (settings.json) return void io.stdout(`${JSON.stringify(rows, null, 2)}\n`)
  if (rows.length === 0) {
    io.stderr(
      `nobody is trusted to sign ${name ?? 'anything'} yet\n\nhint: plugins trust add KEY.pub --for 'NAMESPACE/*'\n`,
    )
    return
  }
  io.stdout(table(['PLUGINS', 'NEEDS', 'NAME', 'STATE', 'ID'], rows.flatMap(rowsOf), io.columns))
}

/** A row per rule that names the principal; one without rules is shown too, since its keys are known here. */
function rowsOf(entry: TrustEntry): string[][] {
  const [revocation] = entry.revocations
  const state = revocation === undefined ? 'trusted' : `revoked: ${revocation.reason}`
  const rules = entry.patterns.length === 0 ? [{ pattern: '-', threshold: 0 }] : entry.patterns
  return rules.map(({ pattern, threshold }) => [pattern, `${threshold}`, entry.name ?? '-', state, entry.id])
}

function sayNotes(settings: Settings, io: Io, notes: readonly string[]): void {
  if (!settings.quiet) for (const note of notes) io.stderr(`note: ${plain(note)}\n`)
}

export async function trustRemove(settings: Settings, io: Io, id: string, options: { for?: string }) {
  await using manager = await openManager(settings)
  const removed = await manager.trust.remove(id, options.for)
  if (settings.json) return void io.stdout(`${JSON.stringify(removed, null, 2)}\n`)
  io.stdout(`removed ${removed.id}\n`)
  sayNotes(settings, io, removed.notes)
}

export async function trustRevoke(settings: Settings, io: Io, id: string, options: { reason: string }) {
  await using manager = await openManager(settings)
  const revoked = await manager.trust.revoke(id, options.reason)
  if (settings.json) return void io.stdout(`${JSON.stringify(revoked, null, 2)}\n`)
  io.stdout(`revoked ${revoked.id}: ${options.reason}\n`)
  sayNotes(settings, io, revoked.notes)
  if (settings.quiet || revoked.affected.length === 0) return
  io.stderr(`these will not run any more: ${revoked.affected.join(', ')}\n`)
}
