import { PluginError, UsageError, VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { PublicKey } from './ed25519.ts'
import { broaderThan, PATTERN } from './pattern.ts'
import { isTarget, type PolicyDocument, type Principal, type Revocation, type Rule } from './policy-document.ts'

/** A policy after a change, and what the change means beyond what was asked: to be told to the operator. */
export interface PolicyEdit {
  readonly document: PolicyDocument
  readonly notes: readonly string[]
}

export interface TrustGrant {
  readonly publicKey: PublicKey
  readonly pattern: string
  /** How many distinct principals must sign. Left out: as it is now, or 1 where nothing decides yet. */
  readonly threshold?: number | undefined
  /** The principal that holds the key; left out: the key stands for itself. */
  readonly principal?: string | undefined
  readonly name?: string | undefined
  readonly validFrom?: string | undefined
  readonly validUntil?: string | undefined
}

/** Lets a key sign what `pattern` names. */
export function grant(document: PolicyDocument, asked: TrustGrant): PolicyEdit {
  const { publicKey, pattern } = asked
  if (!PATTERN.test(pattern)) {
    throw new UsageError(
      'USAGE',
      `cannot trust a key for "${printable(pattern)}": expected NAMESPACE/NAME, NAMESPACE/* or */*`,
    )
  }
  const notes: string[] = []
  const principals = withKey(document, asked)
  const holder = principals.find(({ keys }) => keys.some(({ id }) => id === publicKey.id))
  if (holder === undefined) throw new PluginError('INTERNAL', `cannot find the principal of ${publicKey.id}`)
  const revoked = document.revocations.find(({ target }) => target === publicKey.id || target === holder.id)
  if (revoked) {
    throw new VerificationError(
      'KEY_REVOKED',
      `cannot trust ${publicKey.id}: it was revoked at ${revoked.at} (${printable(revoked.reason)})`,
      { hint: 'ask for a new key; to take a revocation back, edit trust.json by hand' },
    )
  }
  const rules = withPrincipal(document.rules, holder.id, asked, notes)
  return { document: { ...document, principals, rules }, notes }
}

function withKey(document: PolicyDocument, asked: TrustGrant): Principal[] {
  const { id } = asked.publicKey
  const key = {
    id,
    publicKey: asked.publicKey.raw.toString('base64'),
    ...(asked.validFrom === undefined ? {} : { validFrom: asked.validFrom }),
    ...(asked.validUntil === undefined ? {} : { validUntil: asked.validUntil }),
  }
  const holder = document.principals.find(({ keys }) => keys.some((known) => known.id === id))
  if (holder && asked.principal !== undefined && asked.principal !== holder.id) {
    throw new UsageError('USAGE', `cannot give ${id} to ${printable(asked.principal)}: it is a key of ${holder.id}`)
  }
  const wanted = holder?.id ?? asked.principal ?? id
  if (!document.principals.some((principal) => principal.id === wanted)) {
    const named = asked.name === undefined ? {} : { name: asked.name }
    return [...document.principals, { id: wanted, kind: 'keyed', ...named, keys: [key] }]
  }
  return document.principals.map((principal) => {
    if (principal.id !== wanted) return principal
    if (holder === undefined) return { ...principal, keys: [...principal.keys, key] }
    // The key is known: a window that was given replaces the one it has, and nothing else changes.
    return { ...principal, keys: principal.keys.map((known) => (known.id === id ? { ...known, ...key } : known)) }
  })
}

function withPrincipal(rules: readonly Rule[], id: string, asked: TrustGrant, notes: string[]): Rule[] {
  const { pattern } = asked
  const own = rules.find((rule) => rule.pattern === pattern)
  if (own) {
    const threshold = asked.threshold ?? own.threshold
    if (threshold < own.threshold) {
      notes.push(`${pattern} needed ${own.threshold} signers and now needs ${threshold}`)
    }
    const principals = own.principals.includes(id) ? own.principals : [...own.principals, id]
    return rules.map((rule) => (rule === own ? { pattern, principals, threshold } : rule))
  }
  // A new rule takes its names away from a broader one. It must not need fewer signers only because nobody said how many.
  const [governing] = broaderThan(pattern).flatMap((broader) => rules.filter((rule) => rule.pattern === broader))
  const threshold = asked.threshold ?? governing?.threshold ?? 1
  if (governing) {
    notes.push(
      `${pattern} was decided by ${governing.pattern} and now by a rule of its own: who is trusted for ` +
        `${governing.pattern} no longer counts there`,
    )
    if (threshold < governing.threshold) {
      notes.push(`${pattern} needed ${governing.threshold} signers and now needs ${threshold}`)
    }
  }
  if (threshold > 1) notes.push(`${pattern} needs ${threshold} signers; it has 1 so far`)
  return [...rules, { pattern, principals: [id], threshold }]
}

/** Takes trust away from a principal: for one pattern, or altogether. One of several keys leaves the others in place. */
export function withdraw(document: PolicyDocument, id: string, pattern?: string): PolicyEdit {
  const principal = findPrincipal(document, id)
  if (principal.id !== id && principal.keys.length > 1) return withoutKey(document, principal, id, pattern)
  const concerned = document.rules.filter(
    (rule) => rule.principals.includes(principal.id) && (pattern === undefined || rule.pattern === pattern),
  )
  if (pattern !== undefined && concerned.length === 0) {
    throw notFound(`cannot remove ${printable(id)} from ${printable(pattern)}: it is not trusted there`)
  }
  const notes: string[] = []
  const reduced = document.rules.map((rule) =>
    concerned.includes(rule)
      ? { ...rule, principals: rule.principals.filter((other) => other !== principal.id) }
      : rule,
  )
  const rules = reduced.filter((rule, index) => {
    if (document.rules[index] === rule) return true
    return isKept(rule, reduced, notes)
  })
  const isStillNamed = rules.some((rule) => rule.principals.includes(principal.id))
  const principals = isStillNamed ? document.principals : document.principals.filter((other) => other !== principal)
  const revocations = isStillNamed ? document.revocations : withKeysRevoked(document, principal, principal.keys)
  return { document: { ...document, principals, rules, revocations }, notes }
}

/** A principal that goes takes its name along; what was revoked by that name must stay revoked by the keys. */
function withKeysRevoked(
  document: PolicyDocument,
  principal: Principal,
  keys: Principal['keys'],
): readonly Revocation[] {
  const { revocations } = document
  const revoked = revocations.find(({ target }) => target === principal.id)
  if (revoked === undefined) return revocations
  const targets = keys.map(({ id }) => id).filter((id) => !revocations.some(({ target }) => target === id))
  return [...revocations, ...targets.map((target) => ({ ...revoked, target }))]
}

function withoutKey(
  document: PolicyDocument,
  principal: Principal,
  id: string,
  pattern: string | undefined,
): PolicyEdit {
  if (pattern !== undefined) {
    throw new UsageError('USAGE', `cannot remove one key of ${principal.id} from ${printable(pattern)} only`, {
      hint: `a rule names principals: remove ${principal.id} from it, or the key altogether`,
    })
  }
  const reduced = { ...principal, keys: principal.keys.filter((key) => key.id !== id) }
  const principals = document.principals.map((other) => (other === principal ? reduced : other))
  const revocations = withKeysRevoked(
    document,
    principal,
    principal.keys.filter((key) => key.id === id),
  )
  return { document: { ...document, principals, revocations }, notes: [`${principal.id} keeps its other keys`] }
}

/**
 * What to do with a rule that lost a principal. Dropping an empty one would hand its names to a broader rule, and so
 * *widen* what a removal was meant to narrow: then it stays, as a closed door. A threshold is never lowered.
 */
function isKept(rule: Rule, rules: readonly Rule[], notes: string[]): boolean {
  if (rule.principals.length > 0) {
    if (rule.principals.length < rule.threshold) {
      notes.push(`${rule.pattern} needs ${rule.threshold} signers and has ${rule.principals.length}: nothing can pass`)
    }
    return true
  }
  const broader = broaderThan(rule.pattern).find((wider) =>
    rules.some((other) => other.pattern === wider && other.principals.length > 0),
  )
  if (broader === undefined) return false
  notes.push(`nobody may sign ${rule.pattern} now; its rule stays, empty, so that ${broader} does not take over`)
  return true
}

/** Records that a principal, key, release or tarball is not to be trusted any more. Doing it twice changes nothing. */
export function revoke(document: PolicyDocument, target: string, reason: string, at: Date): PolicyEdit {
  if (!isTarget(target)) {
    throw new UsageError(
      'USAGE',
      `cannot revoke "${printable(target)}": expected a principal, a key id, NAME@VERSION or sha256:DIGEST`,
      { hint: 'plugins trust list --json' },
    )
  }
  if (/^\s*$/.test(reason))
    throw new UsageError('USAGE', 'cannot revoke without a reason', { hint: 'give --reason TEXT' })
  if (document.revocations.some((revocation) => revocation.target === target)) {
    return { document, notes: [`${target} was revoked before`] }
  }
  // A key that nobody trusts can be revoked too, ahead of time. A name that is no principal is a typing error.
  if (!/[:@]/.test(target)) findPrincipal(document, target)
  const revocation: Revocation = { target, reason, at: at.toISOString() }
  return { document: { ...document, revocations: [...document.revocations, revocation] }, notes: [] }
}

/** One row of `plugins trust list`. */
export interface TrustEntry {
  readonly id: string
  readonly kind: Principal['kind']
  readonly name: string | null
  readonly keys: Principal['keys']
  readonly patterns: readonly { readonly pattern: string; readonly threshold: number }[]
  /** Of the principal, or of each of its keys. */
  readonly revocations: readonly Revocation[]
}

export function listTrust(document: PolicyDocument): readonly TrustEntry[] {
  const patterns = new Map<string, { pattern: string; threshold: number }[]>()
  for (const { pattern, threshold, principals } of document.rules) {
    for (const id of principals) patterns.set(id, [...(patterns.get(id) ?? []), { pattern, threshold }])
  }
  const revocations = Map.groupBy(document.revocations, ({ target }) => target)
  return document.principals.map((principal) => ({
    id: principal.id,
    kind: principal.kind,
    name: principal.name ?? null,
    keys: principal.keys,
    patterns: patterns.get(principal.id) ?? [],
    revocations: [...new Set([principal.id, ...principal.keys.map(({ id }) => id)])].flatMap(
      (target) => revocations.get(target) ?? [],
    ),
  }))
}

function findPrincipal(document: PolicyDocument, id: string): Principal {
  const found = document.principals.find(
    (principal) => principal.id === id || principal.keys.some((key) => key.id === id),
  )
  if (found) return found
  throw notFound(`cannot find ${printable(id)} in trust.json: no such principal or key`)
}

const notFound = (message: string): PluginError =>
  new PluginError('PRINCIPAL_NOT_FOUND', message, { hint: 'plugins trust list' })
