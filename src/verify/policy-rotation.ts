import { VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import { parseBundles } from './bundle.ts'
import { findSigners, prove, seenAtMs } from './claims.ts'
import { holds, type TrustPolicy } from './policy.ts'
import type { PolicyDocument, Principal, Revocation, TrustedKey } from './policy-document.ts'
import type { PolicyEdit } from './policy-edits.ts'
import { findPrincipal } from './policy-edits.ts'
import { holderOf } from './policy-grant.ts'
import { wholeIds } from './revocation-target.ts'
import type { Roots } from './roots.ts'
import { parseRotation, type RotationStatement, rotationSigner } from './rotation.ts'

/** A rotation that the old key has signed, and when somebody who is trusted saw that; `null`: nobody says. */
export interface ProvenRotation extends RotationStatement {
  readonly seenAtMs: number | null
}

/**
 * Reads a rotation file: the old key must be one of the policy, and have signed it by the word of two verifiers.
 * @throws VerificationError `BUNDLE_MALFORMED`, `SIGNER_NOT_TRUSTED`, `SIGNATURE_INVALID`, `TIMESTAMP_INVALID`, `STATEMENT_INVALID`
 */
export async function readRotation(bytes: Uint8Array, policy: TrustPolicy, roots: Roots): Promise<ProvenRotation> {
  // Refuses several bundles and certificates.
  rotationSigner(bytes)
  const [claim] = await findSigners(parseBundles(bytes), policy, undefined)
  if (claim?.signer.kind !== 'keyed') throw rotationRefused('it is not signed with a key')
  const proof = await prove(claim, { source: 'the rotation', roots, thorough: true, asksWhen: () => true })
  const { oldKeyId, newPublicKey, validFrom, oldValidUntil } = await parseRotation(bytes, claim.signer.publicKey)
  return { oldKeyId, newPublicKey, validFrom, oldValidUntil, seenAtMs: seenAtMs(proof) }
}

/** What a rotation changes: shown before it is agreed to. */
export interface RotationEffect {
  readonly principal: string
  readonly oldKey: string
  readonly newKey: string
  /** The new key as the principal will hold it; `null`: it does already. */
  readonly joins: TrustedKey | null
  /** When the old key ends, where that is sooner than it was. */
  readonly oldKeyEnds: string | null
  readonly isChange: boolean
}

export interface RotatedPolicy extends PolicyEdit {
  readonly effect: RotationEffect
}

/**
 * The new key joins the principal that holds the old one: no rule changes, so who only countersigns goes on only
 * countersigning, and two keys of one principal still count once. A window only ever becomes narrower, and what is revoked,
 * or another principal's, stays that. Doing it twice changes nothing.
 *
 * @throws VerificationError `SIGNER_NOT_TRUSTED`, `KEY_REVOKED`, `KEY_EXPIRED`, `ROTATION_REFUSED`
 */
export function rotate(document: PolicyDocument, rotation: ProvenRotation, now: Date): RotatedPolicy {
  const { oldKeyId, newPublicKey, seenAtMs } = rotation
  const newKey: string = newPublicKey.id
  const principal = findPrincipal(document, oldKeyId)
  const old = principal.keys.find(({ id }) => id === oldKeyId)
  if (old === undefined) throw rotationRefused(`${oldKeyId} is no key of ${principal.id}`)
  // "Compromised since" spares a rotation that somebody saw before; whoever has the key now can sign any other.
  assertUnrevoked(document, [oldKeyId, ...wholeIds(principal)], seenAtMs, 'the old key')
  assertUnrevoked(document, [newKey], null, 'the new key')

  const holder = holderOf(document.principals, newKey) ?? document.principals.find(({ id }) => id === newKey)
  if (holder !== undefined && holder !== principal) {
    throw rotationRefused(`the new key ${newKey} belongs to ${holder.id}, and the old one to ${principal.id}`)
  }
  const joins = holder === undefined ? joiningKey(rotation) : null
  const oldKeyEnds = sooner(rotation.oldValidUntil, old.validUntil)
  const isChange = joins !== null || oldKeyEnds !== null
  const effect = { principal: principal.id, oldKey: oldKeyId, newKey, joins, oldKeyEnds, isChange }
  if (!isChange) return { document, effect, notes: [`${newKey} has taken the place of ${oldKeyId} before`] }

  assertWithinWindow(old, rotation, now)
  if (oldKeyEnds !== null && old.validFrom !== undefined && Date.parse(oldKeyEnds) <= Date.parse(old.validFrom)) {
    throw rotationRefused(`it ends the old key at ${oldKeyEnds}, before it begins at ${old.validFrom}`)
  }
  const rotated = withKeys(principal, old, joins, oldKeyEnds)
  const principals = document.principals.map((other) => (other === principal ? rotated : other))
  return { document: { ...document, principals }, effect, notes: notesOf(old, rotation, oldKeyEnds) }
}

function assertUnrevoked(
  document: PolicyDocument,
  targets: readonly string[],
  atMs: number | null,
  which: string,
): void {
  const found = document.revocations.find((one) => targets.includes(one.target) && holds(one, atMs))
  if (found !== undefined) throw revoked(which, found)
}

/** A key that may not sign releases may not say who signs them next, unless it said so while it might. */
function assertWithinWindow(old: TrustedKey, { oldKeyId, seenAtMs }: ProvenRotation, now: Date): void {
  if (isWithin(old, now.getTime()) || (seenAtMs !== null && isWithin(old, seenAtMs))) return
  const window = [old.validFrom && `from ${old.validFrom}`, old.validUntil && `until ${old.validUntil}`]
  throw new VerificationError(
    'KEY_EXPIRED',
    `cannot accept the rotation: its key ${oldKeyId} is valid ${window.filter(Boolean).join(' ')}, it is ` +
      `${now.toISOString()}, and no trusted timestamp says that it was signed in between`,
    { hint: 'ask the publisher for the new public key, compare it by another way, then: plugins trust add NEW.pub' },
  )
}

const isWithin = ({ validFrom, validUntil }: TrustedKey, atMs: number): boolean =>
  (validFrom === undefined || atMs >= Date.parse(validFrom)) &&
  (validUntil === undefined || atMs < Date.parse(validUntil))

const joiningKey = ({ newPublicKey, validFrom }: ProvenRotation): TrustedKey => ({
  id: newPublicKey.id,
  publicKey: newPublicKey.raw.toString('base64'),
  ...(validFrom === null ? {} : { validFrom }),
})

/** `asked`, where it is sooner than what holds now. */
function sooner(asked: string | null, now: string | undefined): string | null {
  if (asked === null) return null
  return now === undefined || Date.parse(asked) < Date.parse(now) ? asked : null
}

function withKeys(principal: Principal, old: TrustedKey, joins: TrustedKey | null, oldKeyEnds: string | null) {
  const kept = principal.keys.map((key) =>
    key === old && oldKeyEnds !== null ? { ...key, validUntil: oldKeyEnds } : key,
  )
  return { ...principal, keys: joins === null ? kept : [...kept, joins] }
}

function notesOf(old: TrustedKey, { newPublicKey, oldValidUntil }: ProvenRotation, ends: string | null): string[] {
  const stays = ends === null && old.validUntil === undefined
  return [
    ...(old.validUntil === undefined
      ? []
      : [`${old.id} was trusted until ${old.validUntil}; ${newPublicKey.id} has no end: plugins trust add sets one`]),
    ...(stays && oldValidUntil === null ? [`${old.id} stays without an end, too`] : []),
  ]
}

const revoked = (which: string, { target, at, reason }: Revocation): VerificationError =>
  new VerificationError(
    'KEY_REVOKED',
    `cannot accept the rotation: ${which}, ${printable(target, 300)}, was revoked at ${at} (${printable(reason)})`,
    { hint: 'ask the publisher, by another way, for a key that is good: plugins trust add NEW.pub' },
  )

export const rotationRefused = (why: string): VerificationError =>
  new VerificationError('ROTATION_REFUSED', `cannot accept the rotation: ${why}`, {
    hint: 'if it is right all the same, compare the new key by another way, then: plugins trust add NEW.pub --principal NAME',
  })
