import { PluginError, UsageError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import { KEY_ID } from './ed25519.ts'
import { broaderThan } from './pattern.ts'
import type { PolicyDocument, Principal, Revocation, Rule } from './policy-document.ts'
import { credentialsOf } from './policy-grant.ts'
import { identityId, parseTarget, TARGETS, wholeIds } from './revocation-target.ts'

/** A policy after a change, and what the change means beyond what was asked: to be told to the operator. */
export interface PolicyEdit {
  readonly document: PolicyDocument
  readonly notes: readonly string[]
}

/** Takes trust away from a principal: for one pattern, or altogether. One of several credentials leaves the others in place. */
export function withdraw(document: PolicyDocument, id: string, pattern?: string): PolicyEdit {
  const principal = findPrincipal(document, id)
  if (principal.id !== id && credentialsOf(principal).length > 1)
    return withoutCredential(document, principal, id, pattern)
  const isNamedBy = ({ principals, countersigners = [] }: Rule) =>
    principals.includes(principal.id) || countersigners.includes(principal.id)
  const concerned = document.rules.filter(
    (rule) => isNamedBy(rule) && (pattern === undefined || rule.pattern === pattern),
  )
  if (pattern !== undefined && concerned.length === 0) {
    throw notFound(`cannot remove ${printable(id)} from ${printable(pattern)}: it is not trusted there`)
  }
  const others = credentialsOf(principal).filter((credential) => credential !== id)
  const notes = KEY_ID.test(id) && others.length > 0 ? [`${others.join(', ')} signed for ${id}, and goes with it`] : []
  const reduced = document.rules.map((rule) => (concerned.includes(rule) ? withoutPrincipal(rule, principal.id) : rule))
  const rules = reduced.filter((rule, index) => {
    if (document.rules[index] === rule) return true
    return isKept(rule, reduced, notes)
  })
  const isStillNamed = rules.some(isNamedBy)
  const principals = isStillNamed ? document.principals : document.principals.filter((other) => other !== principal)
  const revocations = isStillNamed
    ? document.revocations
    : withCredentialsRevoked(document, principal, credentialsOf(principal))
  return { document: { ...document, principals, rules, revocations }, notes }
}

function withoutPrincipal(rule: Rule, id: string): Rule {
  const without = (ids: readonly string[]) => ids.filter((other) => other !== id)
  const { countersigners } = rule
  return {
    ...rule,
    principals: without(rule.principals),
    ...(countersigners === undefined ? {} : { countersigners: without(countersigners) }),
  }
}

/** A principal that goes takes its name along; what was revoked by that name must stay revoked by its credentials. */
function withCredentialsRevoked(
  document: PolicyDocument,
  principal: Principal,
  credentials: readonly string[],
): readonly Revocation[] {
  const { revocations } = document
  const revoked = revocations.filter(({ target }) => wholeIds(principal).includes(target))
  const inherited = revoked.flatMap((revocation) =>
    credentials
      .filter((target) => target !== principal.id)
      .filter((id) => !revocations.some(({ target, since }) => target === id && since === revocation.since))
      .map((target) => ({ ...revocation, target })),
  )
  return inherited.length === 0 ? revocations : [...revocations, ...inherited]
}

function withoutCredential(
  document: PolicyDocument,
  principal: Principal,
  id: string,
  pattern: string | undefined,
): PolicyEdit {
  if (pattern !== undefined) {
    throw new UsageError('USAGE', `cannot remove one credential of ${principal.id} from ${printable(pattern)} only`, {
      hint: `a rule names principals: remove ${principal.id} from it, or the credential altogether`,
    })
  }
  const reduced = {
    ...principal,
    keys: principal.keys.filter((key) => key.id !== id),
    identities: principal.identities.filter(({ issuer, identity }) => identityId(issuer, identity) !== id),
  }
  const principals = document.principals.map((other) => (other === principal ? reduced : other))
  const revocations = withCredentialsRevoked(document, principal, [id])
  return {
    document: { ...document, principals, revocations },
    notes: [`${principal.id} keeps what else it signs with`],
  }
}

/**
 * What to do with a rule that lost a principal. Dropping an empty one would hand its names to a broader rule, and so
 * *widen* what a removal was meant to narrow: then it stays, as a closed door. So it does when it asks for more than one
 * signature, which the next signer must not be let off. A threshold is never lowered.
 */
function isKept(rule: Rule, rules: readonly Rule[], notes: string[]): boolean {
  const { pattern, principals, threshold, countersigners, countersignatures = 0 } = rule
  if (principals.length > 0) {
    if (principals.length < threshold) {
      notes.push(`${pattern} needs ${threshold} signers and has ${principals.length}: nothing can pass`)
    }
    if (countersigners !== undefined && countersigners.length < countersignatures) {
      notes.push(
        `${pattern} needs ${countersignatures} countersigners and has ${countersigners.length}: nothing can pass`,
      )
    }
    return true
  }
  const broader = broaderThan(pattern).find((wider) =>
    rules.some((other) => other.pattern === wider && other.principals.length > 0),
  )
  if (broader !== undefined) {
    notes.push(`nobody may sign ${pattern} now; its rule stays, empty, so that ${broader} does not take over`)
    return true
  }
  // Whoever is added next would sign alone, and unreviewed.
  if (threshold === 1 && countersigners === undefined) return false
  notes.push(`nobody may sign ${pattern} now; its rule stays, empty, for what it asks of the next signer`)
  return true
}

/** What is not to be trusted any more, and why. */
export interface RevocationRequest {
  readonly target: string
  readonly reason: string
  /** RFC 3339, UTC: spares what carries a trusted timestamp from before. */
  readonly since?: string | undefined
}

/**
 * Records that a principal, credential, release, range or tarball is not to be trusted any more. Doing it twice changes
 * nothing; doing it with an earlier `since`, or without one after it had one, widens it.
 */
export function revoke(document: PolicyDocument, asked: RevocationRequest, at: Date): PolicyEdit {
  const { target, reason, since } = asked
  const parsed = parseTarget(target)
  if (parsed === null) {
    throw new UsageError('USAGE', `cannot revoke "${printable(target)}": expected ${TARGETS}`, {
      hint: 'plugins trust list --json',
    })
  }
  if (/^\s*$/.test(reason))
    throw new UsageError('USAGE', 'cannot revoke without a reason', { hint: 'give --reason TEXT' })
  if (since !== undefined && !('id' in parsed)) {
    throw new UsageError(
      'USAGE',
      `cannot revoke ${printable(target)} since a time: it does not become good by being old`,
      {
        hint: 'leave --since out: it is for keys, identities and principals',
      },
    )
  }
  const same = document.revocations.filter((revocation) => revocation.target === target)
  if (same.some((revocation) => covers(revocation, since))) {
    return { document, notes: [`${target} was revoked before`] }
  }
  // A key that nobody trusts can be revoked too, ahead of time. A name that is no principal is a typing error.
  if (parsed.kind === 'principal') findPrincipal(document, target)
  const revocation: Revocation = { target, reason, at: at.toISOString(), ...(since === undefined ? {} : { since }) }
  const notes = same.length === 0 ? [] : [`${target} was revoked since a later time; now it is revoked for longer`]
  return { document: { ...document, revocations: [...document.revocations, revocation] }, notes }
}

const covers = ({ since }: Revocation, asked: string | undefined): boolean =>
  since === undefined || (asked !== undefined && Date.parse(since) <= Date.parse(asked))

export function findPrincipal(document: PolicyDocument, id: string): Principal {
  const found = document.principals.find((principal) => principal.id === id || credentialsOf(principal).includes(id))
  if (found) return found
  throw notFound(`cannot find ${printable(id)} in trust.json: no such principal, key or identity`)
}

const notFound = (message: string): PluginError =>
  new PluginError('PRINCIPAL_NOT_FOUND', message, { hint: 'plugins trust list' })
