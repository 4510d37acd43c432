import { openManager, type TrustAdd, type TrustEntry, UsageError } from '../../index.ts'
import { instant } from '../instant.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, record, table } from '../text.ts'

interface AddOptions {
  readonly for: string
  readonly principal?: string
  readonly threshold?: string
  readonly predicate?: readonly string[]
  readonly countersigner?: boolean
  readonly from?: string
  readonly until?: string
  readonly keyless?: boolean
  readonly issuer?: string
  readonly identity?: string
  readonly root?: string
  readonly repositoryId?: string
  readonly ownerId?: string
}

export async function trustAdd(settings: Settings, io: Io, keyFile: string | undefined, options: AddOptions) {
  const asked: TrustAdd = {
    pattern: options.for,
    principal: options.principal,
    threshold: threshold(options.threshold),
    predicates: options.predicate,
    countersigner: options.countersigner,
    validFrom: instant(options.from, '--from'),
    validUntil: instant(options.until, '--until'),
  }
  const credential = credentialOf(keyFile, options)
  await using manager = await openManager(homeOf(settings))
  const added =
    typeof credential === 'string'
      ? await manager.trust.add(credential, asked)
      : await manager.trust.addIdentity(credential, asked)
  if (settings.json) return void io.stdout(`${JSON.stringify(added, null, 2)}\n`)
  const role = options.countersigner === true ? 'countersigns' : 'may sign'
  io.stdout(
    record([
      [typeof credential === 'string' ? 'key' : 'identity', added.id],
      [role, added.pattern],
    ]),
  )
  sayNotes(settings, io, added.notes)
}

function threshold(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  throw new UsageError('USAGE', `cannot use --threshold "${text}": expected a whole number from 1`)
}

/** A key file, or what a certificate must say: one of the two, whole. */
function credentialOf(keyFile: string | undefined, options: AddOptions) {
  const { keyless, issuer, identity, root, repositoryId, ownerId } = options
  const usage = (message: string) =>
    new UsageError('USAGE', `cannot trust a signer: ${message}`, {
      hint: "plugins trust add KEY.pub --for 'acme/*', or plugins trust add --keyless --issuer URL --identity SAN --for 'acme/*'",
    })
  if (keyless !== true) {
    if ([issuer, identity, root, repositoryId, ownerId].some((value) => value !== undefined))
      throw usage('--issuer, --identity and what belongs to them come with --keyless')
    if (keyFile === undefined) throw usage('name its public key file, or give --keyless')
    return keyFile
  }
  if (keyFile !== undefined) throw usage('a key file and --keyless exclude each other')
  if (issuer === undefined || identity === undefined) throw usage('--keyless needs --issuer and --identity')
  return { issuer, identity, root, repositoryId, ownerId }
}

export async function trustList(settings: Settings, io: Io, name: string | undefined) {
  await using manager = await openManager(homeOf(settings))
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

/** A row per rule that names the principal; one without rules is shown too, since what it signs with is known here. */
function rowsOf(entry: TrustEntry): string[][] {
  const [revocation] = entry.revocations
  const since = revocation?.since === undefined ? '' : ` since ${revocation.since}`
  const state = revocation === undefined ? 'trusted' : `revoked${since}: ${revocation.reason}`
  const rules = entry.patterns.length === 0 ? [{ pattern: '-', threshold: 0, as: 'signer' }] : entry.patterns
  return rules.map(({ pattern, threshold, as }) => [
    pattern,
    as === 'countersigner' ? `${threshold} countersigning` : `${threshold}`,
    entry.name ?? '-',
    state,
    entry.id,
  ])
}

export function sayNotes(settings: Settings, io: Io, notes: readonly string[]): void {
  if (!settings.quiet) for (const note of notes) io.stderr(`note: ${plain(note)}\n`)
}

export async function trustRemove(settings: Settings, io: Io, id: string, options: { for?: string }) {
  await using manager = await openManager(homeOf(settings))
  const removed = await manager.trust.remove(id, options.for)
  if (settings.json) return void io.stdout(`${JSON.stringify(removed, null, 2)}\n`)
  io.stdout(`removed ${plain(removed.id)}\n`)
  sayNotes(settings, io, removed.notes)
}
