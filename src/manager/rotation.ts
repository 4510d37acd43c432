import { sha256 } from '../core/digest.ts'
import { StoreError, UsageError } from '../core/errors.ts'
import {
  listTrust,
  type ProvenRotation,
  type RotatedPolicy,
  type RotationEffect,
  readPlainFile,
  readRotation,
  rootsIn,
  rotate,
  rotationRefused,
  type TrustedPattern,
} from '../verify/index.ts'
import { assertClock } from './clock.ts'
import type { Host } from './host.ts'

/** What saying yes to a rotation comes to. */
export interface RotationQuestion extends RotationEffect {
  /** Where the new key will count, and as what. */
  readonly patterns: readonly TrustedPattern[]
  readonly notes: readonly string[]
}

export interface RotationConsent {
  /** Asked once, after everything was checked and before anything is written; not where nothing would change. */
  readonly consent: (question: RotationQuestion) => boolean | Promise<boolean>
}

/** A bundle with several timestamps is far from it. */
const ROTATION_MAX_BYTES = 2 ** 20

/** A new key takes the place of an old one, by the word of the old one. */
export async function applyRotation(host: Host, file: string, { consent }: RotationConsent): Promise<RotationQuestion> {
  assertClock(host)
  const bytes = readPlainFile(file, ROTATION_MAX_BYTES)
  const policy = host.trustFile.read()
  const rotation = await readRotation(bytes, policy, rootsIn(host.layout.roots, host.caller.uid))
  const shown = rotate(policy.document, rotation, host.now())
  const patterns = listTrust(policy.document).find(({ id }) => id === shown.effect.principal)?.patterns ?? []
  const question = { ...shown.effect, patterns, notes: shown.notes }
  assertNotTakenOut(host, shown)
  if (!shown.effect.isChange) return question
  if (!(await consent(question))) {
    throw new UsageError('CONSENT_REFUSED', `cannot rotate ${shown.effect.oldKey}: it was declined`)
  }
  await host.trustFile.edit((document) => asAgreed(rotate(document, rotation, host.now()), shown))
  note(host, question, rotation, sha256(bytes))
  return question
}

/** Reading takes time, and trust.json may have been changed meanwhile: then it is asked again, about what it would be now. */
function asAgreed(now: RotatedPolicy, shown: RotatedPolicy): RotatedPolicy {
  if (JSON.stringify(now.effect) === JSON.stringify(shown.effect)) return now
  throw new StoreError('STORE_BUSY', 'cannot rotate: trust.json was changed while the question was asked', {
    hint: 'try again',
  })
}

/**
 * A key that this host has had and does not have any more was taken out by somebody. An old file that says once more what
 * it said then is no reason to take it in again.
 */
function assertNotTakenOut({ store }: Host, { effect: { newKey, joins } }: RotatedPolicy): void {
  if (joins === null) return
  const before = store.events.latest(newKey, ['trust-added', 'trust-rotated', 'trust-removed'])
  if (before === null) return
  const at = new Date(before.atMs).toISOString()
  throw rotationRefused(
    `this host has known the new key ${newKey} before (${before.kind} at ${at}), and it was taken out`,
  )
}

function note(host: Host, question: RotationQuestion, { seenAtMs }: ProvenRotation, digest: string): void {
  const { newKey, oldKey, principal, joins, oldKeyEnds } = question
  host.store.note('trust-rotated', newKey, {
    oldKey,
    principal,
    validFrom: joins?.validFrom ?? null,
    oldKeyEnds,
    seenAt: seenAtMs === null ? null : new Date(seenAtMs).toISOString(),
    rotation: `sha256:${digest}`,
    policy: host.trustFile.read().digest,
  })
}
