import type { PolicyDocument, Principal, Window } from './policy-document.ts'
import { identityId, wholeIds } from './revocation-target.ts'

/** A rule that no new release can satisfy, and why. */
export interface ClosedRule {
  readonly pattern: string
  readonly reason: string
}

/** Rules that ask for more principals than can sign anything new: revoked at all, or with nothing left that is valid. */
export function closedRules(document: PolicyDocument, now: Date): readonly ClosedRule[] {
  const revoked = new Set(document.revocations.map(({ target }) => target))
  const able = new Set(document.principals.filter((principal) => canSign(principal, revoked, now)).map(({ id }) => id))
  return document.rules.flatMap(({ pattern, principals, threshold, countersigners, countersignatures = 0 }) => {
    const reasons = [
      shortage('signer', threshold, principals, able),
      shortage('countersigner', countersignatures, countersigners ?? [], able),
    ].filter((reason) => reason !== null)
    return reasons.length === 0 ? [] : [{ pattern, reason: reasons.join('; ') }]
  })
}

function shortage(what: string, needed: number, listed: readonly string[], able: ReadonlySet<string>): string | null {
  const left = listed.filter((id) => able.has(id)).length
  if (left >= needed) return null
  if (listed.length === 0) return `it needs ${needed} ${what}${needed === 1 ? '' : 's'} and names nobody`
  return `it needs ${needed} ${what}${needed === 1 ? '' : 's'}, and ${left} of the ${listed.length} it names can sign`
}

function canSign(principal: Principal, revoked: ReadonlySet<string>, now: Date): boolean {
  if (wholeIds(principal).some((id) => revoked.has(id))) return false
  const { keys, identities } = principal
  const isOpen = (target: string, { validUntil }: Window) =>
    !revoked.has(target) && (validUntil === undefined || now.getTime() < Date.parse(validUntil))
  return (
    keys.some((key) => isOpen(key.id, key)) ||
    identities.some((one) => isOpen(identityId(one.issuer, one.identity), one))
  )
}
