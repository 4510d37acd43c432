import {
  type AgreedProgram,
  type Agreement,
  isMore,
  isPermissions,
  LIMIT_NAMES,
  UNASKED_RUNS,
  type UnaskedRun,
} from './agreement.ts'
import type { LimitName } from './limits.ts'
import type { Permissions } from './manifest.ts'
import { covers } from './network-cover.ts'
import { PROTOCOLS, type Protocol, RUNTIMES, type Runtime } from './runtimes.ts'
import { hasFields, isCount, isListOf, isNullOr, isOneOf, isText, type Shape } from './shape.ts'
import type { Signer } from './verified.ts'

/** A limit that is higher than agreed; 0 is none at all. */
export interface RaisedLimit {
  readonly limit: LimitName
  readonly before: number
  readonly after: number
  /** Whose; `null`: the plugin's own. */
  readonly hook: UnaskedRun | null
}

/** Something that spoke for the release before and does not for this one. */
export type LostProvenance =
  /** This principal signed, or countersigned, with a certificate, which a public log shows, and does so with a key alone. */
  | { readonly kind: 'keyless'; readonly principal: string }
  | { readonly kind: 'countersigner'; readonly principal: string }
  /** Nobody signed it: nothing says that it comes from where the one before came from. */
  | { readonly kind: 'signature'; readonly until: string }
  /** Its signers do not say any more which files it has. */
  | { readonly kind: 'file-list' }
  | { readonly kind: 'predicate'; readonly type: string }

/** What one release may do, or who stands for it, that nobody has agreed to. */
export interface Widening {
  readonly permissions: Permissions
  readonly limits: readonly RaisedLimit[]
  /** Principals that sign it and did not before, and that did and do not. */
  readonly publisher: { readonly joined: readonly string[]; readonly left: readonly string[] } | null
  readonly provenance: readonly LostProvenance[]
  readonly hooks: readonly UnaskedRun[]
  readonly protocol: { readonly before: Protocol; readonly after: Protocol } | null
  readonly runtime: { readonly before: Runtime; readonly after: Runtime } | null
}

/** `null`: nothing is wider. Whatever is less than before never is. */
export function wideningOf(before: Agreement, after: Agreement): Widening | null {
  return orNull({
    permissions: addedPermissions(before.permissions, after.permissions),
    limits: raisedLimits(before, after),
    publisher: otherPublisher(before.signers, after.signers),
    provenance: lostProvenance(before, after),
    hooks: newHooks(before, after),
    protocol: changed(before.protocol, after.protocol),
    runtime: changed(before.runtime, after.runtime),
  })
}

/** `null` instead of a widening of nothing. */
export function orNull(widening: Widening): Widening | null {
  const { permissions, limits, publisher, provenance, hooks, protocol, runtime } = widening
  const lists = [permissions.network, permissions.read, permissions.env, limits, provenance, hooks]
  const isNothing = lists.every(({ length }) => length === 0) && !publisher && !protocol && !runtime
  return isNothing ? null : widening
}

/**
 * A path is agreed to as it is written: a folder below it can be another file system, which a plugin that is shown the one
 * above does not see.
 */
function addedPermissions(before: Permissions, after: Permissions): Permissions {
  const without = (key: 'read' | 'env') => after[key].filter((value) => !before[key].includes(value))
  const network = after.network.filter((to) => !before.network.some((agreed) => covers(agreed, to)))
  return { network, read: without('read'), env: without('env') }
}

function raisedLimits(before: Agreement, after: Agreement): RaisedLimit[] {
  const hooks = after.hooks.flatMap((hook) => {
    const agreed = before.hooks.find((one) => isSameHook(one, hook))
    if (agreed !== undefined) return raised(agreed, hook, hook.hook)
    // Whoever agrees to a new hook agrees to it with what the plugin itself is given, and to no more that the hook asks for.
    return raised(after, hook, hook.hook).filter(({ limit }) => hook.asked[limit] !== undefined)
  })
  // A server has no end of its own: that follows from what it speaks, and is told as that.
  const isNewServer = before.protocol === 'stdio' && after.protocol !== 'stdio'
  return [...raised(before, after, null).filter((one) => !isNewServer || one.after !== 0), ...hooks]
}

const raised = (before: AgreedProgram, after: AgreedProgram, hook: UnaskedRun | null): RaisedLimit[] =>
  LIMIT_NAMES.filter((limit) => isMore(limit, after.limits[limit], before.limits[limit])).map((limit) => ({
    limit,
    before: before.limits[limit],
    after: after.limits[limit],
    hook,
  }))

type Hook = Agreement['hooks'][number]

/** Under another runtime it sees that runtime's files, and is another program to agree to. */
const isSameHook = (one: Hook, other: Hook): boolean => one.hook === other.hook && one.runtime === other.runtime

const newHooks = (before: Agreement, after: Agreement): UnaskedRun[] =>
  after.hooks.filter((hook) => !before.hooks.some((one) => isSameHook(one, hook))).map(({ hook }) => hook)

const principalsOf = (signers: readonly Signer[]): string[] => [...new Set(signers.map(({ principal }) => principal))]

/** By principal: another key of the same one is no other publisher. */
function otherPublisher(before: readonly Signer[], after: readonly Signer[]): Widening['publisher'] {
  const [then, now] = [principalsOf(before), principalsOf(after)]
  const joined = now.filter((principal) => !then.includes(principal))
  const left = then.filter((principal) => !now.includes(principal))
  return joined.length === 0 && left.length === 0 ? null : { joined, left }
}

function lostProvenance(before: Agreement, after: Agreement): LostProvenance[] {
  // No release without a signature is like another: whoever wrote the one that was agreed to need not have written this.
  if (after.unsignedUntil !== null) return [{ kind: 'signature', until: after.unsignedUntil }]
  const missing = (then: readonly Signer[], now: readonly Signer[]) =>
    principalsOf(then).filter((principal) => !principalsOf(now).includes(principal))
  const keyless = (signers: readonly Signer[]) => signers.filter(({ kind }) => kind === 'keyless')
  const withKeyAlone = (then: readonly Signer[], now: readonly Signer[]) =>
    missing(keyless(then), keyless(now)).filter((principal) => principalsOf(now).includes(principal))
  const keyed = [
    ...withKeyAlone(before.signers, after.signers),
    // Whoever has the key of one that reviews has not the account that a log would show.
    ...withKeyAlone(before.countersigners, after.countersigners),
  ]
  return [
    ...[...new Set(keyed)].map((principal): LostProvenance => ({ kind: 'keyless', principal })),
    ...missing(before.countersigners, after.countersigners).map(
      (principal): LostProvenance => ({ kind: 'countersigner', principal }),
    ),
    // Of what nobody signed nobody listed the files, and nothing is lost by a signature.
    ...(before.fileList === 'signed' && after.fileList === 'recorded' ? [{ kind: 'file-list' } as const] : []),
    ...before.predicates
      .filter((type) => !after.predicates.includes(type))
      .map((type): LostProvenance => ({ kind: 'predicate', type })),
  ]
}

const changed = <T extends string>(before: T, after: T): { before: T; after: T } | null =>
  before === after ? null : { before, after }

const isChangeOf = (values: readonly string[]): Shape =>
  isNullOr(hasFields({ before: isOneOf(values), after: isOneOf(values) }))

/** Of a row of the database. */
export const isWidening = hasFields({
  permissions: isPermissions,
  limits: isListOf(
    hasFields({
      limit: isOneOf(LIMIT_NAMES),
      before: isCount,
      after: isCount,
      hook: isNullOr(isOneOf(UNASKED_RUNS)),
    }),
  ),
  publisher: isNullOr(hasFields({ joined: isListOf(isText), left: isListOf(isText) })),
  provenance: isListOf((value) => LOSSES.some((loss) => loss(value))),
  hooks: isListOf(isOneOf(UNASKED_RUNS)),
  protocol: isChangeOf(PROTOCOLS),
  runtime: isChangeOf(RUNTIMES),
}) as (value: unknown) => value is Widening

const LOSSES: readonly Shape[] = [
  hasFields({ kind: isOneOf(['keyless', 'countersigner']), principal: isText }),
  hasFields({ kind: isOneOf(['signature']), until: isText }),
  hasFields({ kind: isOneOf(['file-list']) }),
  hasFields({ kind: isOneOf(['predicate']), type: isText }),
]
