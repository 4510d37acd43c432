import { sha256 } from '../core/digest.ts'
import { PluginError, UsageError, VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { PublicKey } from './ed25519.ts'
import { PUBLIC_GOOD, ROOT_NAME } from './keyless/root-name.ts'
import { broaderThan, PATTERN } from './pattern.ts'
import {
  isIdentity,
  isIssuer,
  isNumericId,
  isPredicateType,
  type PolicyDocument,
  type Principal,
  type Rule,
  type TrustedIdentity,
  type Window,
} from './policy-document.ts'
import type { PolicyEdit } from './policy-edits.ts'
import { identityId, wholeIds } from './revocation-target.ts'
import { shellWord } from './shell-word.ts'

/** What somebody signs with: a key of their own, or an identity that certificates vouch for. */
export type Credential = { readonly publicKey: PublicKey } | { readonly identity: Omit<TrustedIdentity, keyof Window> }

export interface TrustGrant extends Window {
  readonly credential: Credential
  readonly pattern: string
  /** How many distinct principals must sign; of a countersigner: must countersign. Left out: as it is now, or 1 where nothing decides yet. */
  readonly threshold?: number | undefined
  /** The principal that holds the credential; left out: the credential stands for itself. */
  readonly principal?: string | undefined
  readonly name?: string | undefined
  /** Statement types of other tools that shall count under this pattern as well. */
  readonly predicates?: readonly string[] | undefined
  /** Counts as a countersigner, and never as a signer. */
  readonly countersigner?: boolean | undefined
}

/** Lets a credential sign, or countersign, what `pattern` names. */
export function grant(document: PolicyDocument, asked: TrustGrant): PolicyEdit {
  assertUsable(asked)
  const id = credentialId(asked.credential)
  const notes: string[] = []
  assertNamed(document, asked, id)
  const principals = withCredential(document, asked)
  const holder = holderOf(principals, id)
  if (holder === undefined) throw new PluginError('INTERNAL', `cannot find the principal of ${id}`)
  const revoked = document.revocations.find(({ target }) => target === id || wholeIds(holder).includes(target))
  if (revoked) {
    throw new VerificationError(
      'KEY_REVOKED',
      `cannot trust ${printable(id)}: it was revoked at ${revoked.at} (${printable(revoked.reason)})`,
      { hint: 'ask for a new key; to take a revocation back, edit trust.json by hand' },
    )
  }
  const rules = (asked.countersigner === true ? withCountersigner : withPrincipal)(
    document.rules,
    holder.id,
    asked,
    notes,
  )
  const granted = { ...document, principals, rules }
  return { document: granted, notes: [...notes, ...sideEffects(document, granted, id, asked)] }
}

/**
 * A rule names principals, and whoever may sign for one may have had this key put beside theirs: a rotation asks its holder
 * nothing. So nobody else's keys come along to where the principal did not sign before unless it is named.
 */
function assertNamed({ principals, rules }: PolicyDocument, asked: TrustGrant, id: string): void {
  const { principal, pattern, countersigner } = asked
  const holder = holderOf(principals, id)
  if (holder === undefined || principal !== undefined) return
  const others = credentialsOf(holder).filter((credential) => credential !== id)
  const rule = rules.find((one) => one.pattern === pattern)
  // Who countersigns there does not publish there, and the other way round.
  const named = countersigner === true ? rule?.countersigners : rule?.principals
  if (others.length === 0 || named?.includes(holder.id) === true) return
  throw new UsageError(
    'USAGE',
    `cannot trust ${printable(id, 300)} alone for ${pattern}: it belongs to ${printable(holder.id, 300)}, who signs with ` +
      `${printable(shortList(others), 900)} too`,
    {
      hint: `--principal ${shellWord(holder.id, 'NAME')} lets all of them sign; if they are somebody else's: plugins trust remove ${shellWord(id, 'ID')} first`,
    },
  )
}

/** What a grant does beyond its pattern: a rule names principals, and a principal signs with all it has. */
function sideEffects(before: PolicyDocument, after: PolicyDocument, id: string, asked: TrustGrant): string[] {
  const { pattern, predicates = [] } = asked
  const notes: string[] = []
  const holder = holderOf(after.principals, id)
  const known = before.principals.find((principal) => principal.id === holder?.id)
  const rule = after.rules.find((one) => one.pattern === pattern)
  if (holder === undefined || rule === undefined) return notes
  if (rule.principals.includes(holder.id) && rule.countersigners?.includes(holder.id) === true) {
    notes.push(`${holder.id} both publishes and countersigns ${pattern}: there, nobody else need look at a release`)
  }
  const was = before.rules.find((one) => one.pattern === pattern)
  const added = predicates.filter((type) => was?.predicates?.includes(type) !== true)
  const fellows = rule.principals.filter((one) => one !== holder.id)
  if (added.length > 0 && fellows.length > 0) {
    notes.push(`statements of the type ${shortList(added)} count under ${pattern} for ${shortList(fellows)} too`)
  }
  if (known === undefined) return notes
  const named = ({ principals, countersigners = [] }: Rule) => [...principals, ...countersigners].includes(known.id)
  const elsewhere = before.rules.filter((one) => one.pattern !== pattern && named(one)).map((one) => one.pattern)
  const others = credentialsOf(known).filter((credential) => credential !== id)
  if (others.length === credentialsOf(known).length && elsewhere.length > 0) {
    notes.push(`${id} signs for ${known.id} from now on, and so for ${shortList(elsewhere)} too`)
  }
  if (others.length > 0 && (was === undefined || !named(was))) {
    notes.push(`${known.id} signs with ${shortList(others)} too, which counts for ${pattern} as well`)
  }
  const everywhere = elsewhere.length === 0 ? '' : `, for ${shortList(elsewhere)} too`
  return [...notes, ...changesOf(known, holder, id).map((change) => `${change}${everywhere}`)]
}

const shortList = (items: readonly string[]): string =>
  `${items.slice(0, 5).join(', ')}${items.length > 5 ? ` and ${items.length - 5} more` : ''}`

/** Where a credential that was known is bound differently now. */
function changesOf(known: Principal, now: Principal, id: string): string[] {
  const [was, is] = [known, now].map(({ keys, identities }): Partial<TrustedIdentity> | undefined => {
    const identity = identities.find((one) => identityId(one.issuer, one.identity) === id)
    return identity === undefined ? keys.find((key) => key.id === id) : { root: PUBLIC_GOOD, ...identity }
  })
  if (was === undefined || is === undefined) return []
  return (['root', 'repositoryId', 'ownerId', 'validFrom', 'validUntil'] as const)
    .filter((key) => was[key] !== is[key])
    .map((key) => `${key} of ${id} was ${was[key] ?? 'not set'} and now is ${is[key] ?? 'not set'}`)
}

export const credentialId = (credential: Credential): string =>
  'publicKey' in credential
    ? credential.publicKey.id
    : identityId(credential.identity.issuer, credential.identity.identity)

export const holderOf = (principals: readonly Principal[], id: string): Principal | undefined =>
  principals.find((principal) => credentialsOf(principal).includes(id))

/** The ids of everything a principal signs with. */
export const credentialsOf = ({ keys, identities }: Principal): readonly string[] => [
  ...keys.map(({ id }) => id),
  ...identities.map(({ issuer, identity }) => identityId(issuer, identity)),
]

function assertUsable({ credential, pattern, predicates = [] }: TrustGrant): void {
  const refuse = (what: string, value: string, expected: string) => {
    throw new UsageError('USAGE', `cannot use ${what} "${printable(value)}": expected ${expected}`)
  }
  if (!PATTERN.test(pattern)) {
    throw new UsageError(
      'USAGE',
      `cannot trust a signer for "${printable(pattern)}": expected NAMESPACE/NAME, NAMESPACE/* or */*`,
    )
  }
  for (const type of predicates)
    if (!isPredicateType(type)) refuse('the predicate', type, 'a URI, up to 300 characters')
  if ('publicKey' in credential) return
  const { issuer, identity, root, repositoryId, ownerId } = credential.identity
  if (!isIssuer(issuer)) refuse('the issuer', issuer, 'a URL without query or fragment')
  if (!isIdentity(identity)) refuse('the identity', identity, 'one URI or e-mail address, whole and exact')
  if (/[*]/.test(identity)) refuse('the identity', identity, 'one exact identity: no part of it is a pattern')
  if (root !== undefined && !ROOT_NAME.test(root)) refuse('the root', root, 'a name in lower case')
  if (repositoryId !== undefined && !isNumericId(repositoryId)) refuse('the repository id', repositoryId, 'digits')
  if (ownerId !== undefined && !isNumericId(ownerId)) refuse('the owner id', ownerId, 'digits')
}

/** A principal of one identity is known by a name that follows from it, long enough that nobody finds another with it. */
const ownName = (credential: Credential): string =>
  'publicKey' in credential ? credential.publicKey.id : `keyless-${sha256(credentialId(credential)).slice(0, 40)}`

function withCredential(document: PolicyDocument, asked: TrustGrant): readonly Principal[] {
  const { credential } = asked
  const id = credentialId(credential)
  const holder = holderOf(document.principals, id)
  if (holder && asked.principal !== undefined && asked.principal !== holder.id) {
    throw new UsageError(
      'USAGE',
      `cannot give ${printable(id)} to ${printable(asked.principal)}: it belongs to ${holder.id}`,
    )
  }
  const wanted = holder?.id ?? asked.principal ?? ownName(credential)
  if (holder === undefined && asked.principal === undefined && document.principals.some((other) => other.id === wanted))
    throw new UsageError('USAGE', `cannot let ${printable(id)} stand for itself: ${wanted} is somebody else`, {
      hint: '--principal NAME says who signs with it',
    })
  if (!document.principals.some((principal) => principal.id === wanted)) {
    const named = asked.name === undefined ? {} : { name: asked.name }
    return [...document.principals, given({ id: wanted, ...named, keys: [], identities: [] }, asked)]
  }
  return document.principals.map((principal) => (principal.id === wanted ? given(principal, asked) : principal))
}

/** A credential that is known keeps its place; a window or number that was given replaces the one it has, and nothing else. */
function given(principal: Principal, { credential, validFrom, validUntil }: TrustGrant): Principal {
  const window = {
    ...(validFrom === undefined ? {} : { validFrom }),
    ...(validUntil === undefined ? {} : { validUntil }),
  }
  if ('publicKey' in credential) {
    const { id, raw } = credential.publicKey
    const key = { id, publicKey: raw.toString('base64'), ...window }
    const isKnown = principal.keys.some((known) => known.id === id)
    const keys = isKnown
      ? principal.keys.map((known) => (known.id === id ? { ...known, ...key } : known))
      : [...principal.keys, key]
    return { ...principal, keys }
  }
  const identity = { ...credential.identity, ...window }
  const isSame = (known: TrustedIdentity) => known.issuer === identity.issuer && known.identity === identity.identity
  const identities = principal.identities.some(isSame)
    ? principal.identities.map((known) => (isSame(known) ? { ...known, ...identity } : known))
    : [...principal.identities, identity]
  return { ...principal, identities }
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
    return rules.map((rule) => (rule === own ? withPredicates({ ...own, principals, threshold }, asked) : rule))
  }
  // A new rule takes its names away from a broader one. It must not ask for less only because nobody said how much.
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
  const { countersigners, countersignatures } = governing ?? {}
  const kept = countersigners === undefined ? {} : { countersigners, countersignatures: countersignatures ?? 1 }
  return [...rules, withPredicates({ pattern, principals: [id], threshold, ...kept }, asked)]
}

function withPredicates(rule: Rule, { predicates = [] }: TrustGrant): Rule {
  const all = [...new Set([...(rule.predicates ?? []), ...predicates])]
  return all.length === 0 ? rule : { ...rule, predicates: all }
}

function withCountersigner(rules: readonly Rule[], id: string, asked: TrustGrant, notes: string[]): Rule[] {
  const { pattern } = asked
  const own = rules.find((rule) => rule.pattern === pattern)
  if (own === undefined) {
    throw new UsageError('USAGE', `cannot ask for countersignatures of ${pattern}: trust.json has no rule for it`, {
      hint: `first say who publishes it: plugins trust add PUBLISHER.pub --for '${pattern}'`,
    })
  }
  const countersigners = [...new Set([...(own.countersigners ?? []), id])]
  const countersignatures = asked.threshold ?? own.countersignatures ?? 1
  if (countersignatures < (own.countersignatures ?? 0)) {
    notes.push(`${pattern} needed ${own.countersignatures} countersigners and now needs ${countersignatures}`)
  }
  if (countersignatures > countersigners.length) {
    notes.push(`${pattern} needs ${countersignatures} countersigners; it has ${countersigners.length} so far`)
  }
  return rules.map((rule) =>
    rule === own ? withPredicates({ ...own, countersigners, countersignatures }, asked) : rule,
  )
}
