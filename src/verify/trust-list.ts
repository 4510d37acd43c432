import { kindOf, type PolicyDocument, type Principal, type PrincipalKind, type Revocation } from './policy-document.ts'
import { credentialsOf } from './policy-grant.ts'

/** A rule that names a principal, seen from the principal. */
export interface TrustedPattern {
  readonly pattern: string
  readonly as: 'signer' | 'countersigner'
  /** How many such there must be. */
  readonly threshold: number
}

/** One row of `plugins trust list`. */
export interface TrustEntry {
  readonly id: string
  readonly kind: PrincipalKind
  readonly name: string | null
  readonly keys: Principal['keys']
  readonly identities: Principal['identities']
  readonly patterns: readonly TrustedPattern[]
  /** Of the principal, or of each of its credentials. */
  readonly revocations: readonly Revocation[]
}

export function listTrust(document: PolicyDocument): readonly TrustEntry[] {
  const patterns = new Map<string, TrustedPattern[]>()
  const add = (id: string, pattern: TrustedPattern) => patterns.set(id, [...(patterns.get(id) ?? []), pattern])
  for (const { pattern, threshold, principals, countersigners = [], countersignatures = 0 } of document.rules) {
    for (const id of principals) add(id, { pattern, as: 'signer', threshold })
    for (const id of countersigners) add(id, { pattern, as: 'countersigner', threshold: countersignatures })
  }
  const revocations = Map.groupBy(document.revocations, ({ target }) => target)
  return document.principals.map((principal) => ({
    id: principal.id,
    kind: kindOf(principal),
    name: principal.name ?? null,
    keys: principal.keys,
    identities: principal.identities,
    patterns: patterns.get(principal.id) ?? [],
    revocations: [...new Set([principal.id, ...credentialsOf(principal)])].flatMap(
      (target) => revocations.get(target) ?? [],
    ),
  }))
}
