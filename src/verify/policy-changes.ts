import type { Change } from '../core/change.ts'
import { differences } from '../core/differences.ts'
import type { Sha256 } from '../core/digest.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { TrustPolicy } from './policy.ts'
import type { Principal, Revocation } from './policy-document.ts'

/** What the two policies are asked about. */
export interface Concerned {
  readonly name: PluginName
  readonly digest: Sha256
  /** Ids of those who were counted. */
  readonly signers: readonly string[]
}

/** What of a policy that decides about this release is another than before: its rule, who that names, revocations. */
export function policyChanges(before: TrustPolicy, after: TrustPolicy, about: Concerned): Change[] {
  const [then, now] = [before, after].map((policy) => partsOf(policy, about))
  if (then === undefined || now === undefined) return []
  return [...ruleChanges(then.rule, now.rule), ...principalChanges(then, now), ...revocationChanges(then, now)]
}

interface Parts {
  readonly rule: ReturnType<TrustPolicy['ruleFor']>
  /** Whom the rule names, and whose signatures were counted. */
  readonly principals: readonly Principal[]
  readonly revocations: readonly Revocation[]
}

function partsOf(policy: TrustPolicy, { name, digest, signers }: Concerned): Parts {
  const rule = policy.ruleFor(name)
  // Every field of the rule may name principals: those that countersign as well.
  const named = new Set([...textsIn(rule), ...signers])
  const principals = policy.document.principals.filter(
    ({ id, keys, identities }) =>
      named.has(id) ||
      keys.some((key) => signers.includes(key.id)) ||
      identities.some(({ issuer, identity }) => signers.includes(`${issuer} ${identity}`)),
  )
  const ids = new Set([...principals.flatMap(textsIn), ...named])
  const revocations = policy.document.revocations.filter(
    ({ target }) => ids.has(target) || target === `sha256:${digest}` || target.startsWith(`${name}@`),
  )
  return { rule, principals, revocations }
}

/** Every text in a value, and, of an identity of certificates, issuer and identity as one signer's id. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  const { issuer, identity } = value as Readonly<Record<string, unknown>>
  const id = typeof issuer === 'string' && typeof identity === 'string' ? [`${issuer} ${identity}`] : []
  return [...id, ...Object.values(value).flatMap(textsIn)]
}

function ruleChanges(before: Parts['rule'], after: Parts['rule']): Change[] {
  if (before === null && after === null) return []
  if (before === null || after === null || before.pattern !== after.pattern) {
    const detail = `${after === null ? 'no rule decides any more' : `the rule for ${after.pattern} decides`}, was ${before === null ? 'none' : `that for ${before.pattern}`}`
    const moved: Change = { what: 'rule', detail, before: before?.pattern ?? null, after: after?.pattern ?? null }
    if (before === null || after === null) return [moved]
    return [moved, ...ruleChanges({ ...before, pattern: after.pattern }, after)]
  }
  return differences(`rule for ${after.pattern}`, before, after).map((one) => ({ what: 'rule', ...one }))
}

function principalChanges(before: Parts, after: Parts): Change[] {
  return differences('principal', before.principals, after.principals).map((one) => ({ what: 'principal', ...one }))
}

function revocationChanges(before: Parts, after: Parts): Change[] {
  return differences('revocation', before.revocations, after.revocations).map(({ detail, ...change }) => ({
    what: 'revocation',
    detail: isRevocation(change.after) ? revokedText(change.after) : detail,
    ...change,
  }))
}

const isRevocation = (value: unknown): value is Revocation =>
  typeof value === 'object' && value !== null && 'target' in value && 'reason' in value

/** Whatever else it says is said too. */
function revokedText({ target, reason, at, ...rest }: Revocation): string {
  const more = Object.entries(rest).map(([field, value]) => `, ${printable(field)} ${printable(JSON.stringify(value))}`)
  return `${printable(target, 200)} was revoked at ${at} (${printable(reason)}${more.join('')})`
}
