import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseTrustedRoot } from '../../src/verify/keyless/trusted-root.ts'
import type { PolicyDocument, Revocation, Window } from '../../src/verify/policy-document.ts'
import { revoke, withdraw } from '../../src/verify/policy-edits.ts'
import { readRotation, rotate } from '../../src/verify/policy-rotation.ts'
import type { Roots } from '../../src/verify/roots.ts'
import { authority, policyOf, trusting } from '../helpers/authority.ts'
import { NOW, verdictOf } from '../helpers/examine.ts'
import { rotationOf } from '../helpers/rotation.ts'
import { startSigstore } from '../helpers/sigstore/sigstore.ts'
import { stamped } from '../helpers/sigstore/stamped.ts'

let clock = new Date('2026-11-01T00:00:00Z')
const sigstore = await startSigstore({ now: () => clock })
after(() => sigstore.close())
const root = parseTrustedRoot(sigstore.trustedRootBytes, 'local')
const roots: Roots = { find: async () => root, all: async () => [root] }

const [one, two, three, stranger] = await Promise.all([authority(), authority(), authority(), authority()])
const OVERLAP = { validFrom: '2026-11-20T00:00:00Z', oldValidUntil: '2026-12-20T00:00:00Z' }

/** The first key stands for itself, within this window. */
function holding(window: Window = {}, revocations: readonly Revocation[] = []): PolicyDocument {
  const { document } = trusting([one], 'acme/*', { revocations })
  const [key] = one.principal.keys
  return { ...document, principals: [{ ...one.principal, keys: [{ ...key, ...window } as typeof key & object] }] }
}
const apply = async (document: PolicyDocument, file: Buffer, now = NOW) =>
  rotate(document, await readRotation(file, policyOf(document), roots), now)
const seenAt = (file: Buffer, time: string): Buffer => {
  clock = new Date(time)
  return stamped(file, sigstore)
}
const keysOf = ({ principals }: PolicyDocument) =>
  principals.map(({ id, keys }) => [id, ...keys.map((key) => [key.id, key.validFrom ?? null, key.validUntil ?? null])])

test('the new key joins the principal from then on, and the old one ends; rules stay as they are', async () => {
  const before = holding()
  const { document, effect } = await apply(before, rotationOf(one, two, OVERLAP))
  assert.deepEqual(keysOf(document), [
    [one.keyId, [one.keyId, null, OVERLAP.oldValidUntil], [two.keyId, OVERLAP.validFrom, null]],
  ])
  assert.deepEqual(document.rules, before.rules)
  assert.deepEqual([effect.principal, effect.oldKey, effect.newKey], [one.keyId, one.keyId, two.keyId])
  const policy = policyOf(document)
  for (const signer of [one, two]) assert.equal(await verdictOf(policy, signer.publish().staged), 'OK')
  assert.equal(await verdictOf(policy, stranger.publish().staged), 'SIGNER_NOT_TRUSTED')
})

test('two keys of one principal still count once', async () => {
  const { document } = await apply(holding(), rotationOf(one, two))
  const twice = { ...document, rules: [{ pattern: 'acme/*', principals: [one.keyId], threshold: 1 }] }
  const both = one.publish({ signers: [one, two] })
  assert.equal(await verdictOf(policyOf(twice), both.staged), 'OK')
  const needsTwo = { ...twice, rules: [{ pattern: 'acme/*', principals: [one.keyId], threshold: 2 }] }
  assert.equal(await verdictOf(policyOf(needsTwo), both.staged), 'THRESHOLD_NOT_MET')
})

test('a chain of rotations works in its order, and not in another', async () => {
  const first = rotationOf(one, two)
  const second = rotationOf(two, three)
  await assert.rejects(apply(holding(), second), { code: 'SIGNER_NOT_TRUSTED' })
  const { document } = await apply((await apply(holding(), first)).document, second)
  assert.equal(document.principals.length, 1)
  assert.equal(document.principals[0]?.keys.length, 3)
})

test('doing it twice changes nothing, also when the old key has ended since', async () => {
  const file = rotationOf(one, two, OVERLAP)
  const { document } = await apply(holding(), file)
  for (const now of [NOW, new Date('2027-06-01T00:00:00Z')]) {
    const again = await apply(document, file, now)
    assert.equal(again.document, document)
    assert.equal(again.effect.isChange, false)
  }
})

test('no window becomes wider: an end that is sooner stays, and a key that is held keeps its own', async () => {
  const soon = holding({ validUntil: '2026-12-01T00:00:00Z' })
  const { document, notes } = await apply(soon, rotationOf(one, two, OVERLAP))
  assert.equal(document.principals[0]?.keys[0]?.validUntil, '2026-12-01T00:00:00Z')
  assert.match(notes.join(), /was trusted until 2026-12-01T00:00:00Z; .* has no end/)
  const narrowed: PolicyDocument = {
    ...document,
    principals: document.principals.map((principal) => ({
      ...principal,
      keys: principal.keys.map((key) => (key.id === two.keyId ? { ...key, validUntil: '2026-12-31T00:00:00Z' } : key)),
    })),
  }
  assert.equal((await apply(narrowed, rotationOf(one, two, OVERLAP))).document, narrowed)
})

test('an end before the beginning of the old key is refused', async () => {
  const late = holding({ validFrom: '2026-11-20T00:00:00Z' })
  const file = (oldValidUntil: string) => rotationOf(one, two, { oldValidUntil })
  await assert.rejects(apply(late, file('2026-11-20T00:00:00Z')), { code: 'ROTATION_REFUSED' })
  assert.ok((await apply(late, file('2026-11-20T00:00:01Z'))).effect.isChange)
})

test('a key outside its window vouches for nobody, unless it was seen to do so within it', async () => {
  const file = rotationOf(one, two)
  const ended = holding({ validUntil: '2026-11-10T00:00:00Z' })
  await assert.rejects(apply(ended, file), { code: 'KEY_EXPIRED' })
  assert.ok((await apply(ended, seenAt(file, '2026-11-09T23:59:59Z'))).effect.isChange)
  await assert.rejects(apply(ended, seenAt(file, '2026-11-10T00:00:00Z')), { code: 'KEY_EXPIRED' })
  await assert.rejects(apply(holding({ validFrom: '2026-12-01T00:00:00Z' }), file), { code: 'KEY_EXPIRED' })
})

test('a revoked key vouches for nobody; compromised since spares what was seen before', async () => {
  const file = rotationOf(one, two)
  const revoked = (since?: string) => revoke(holding(), { target: one.keyId, reason: 'stolen', since }, NOW).document
  await assert.rejects(apply(revoked(), file), { code: 'KEY_REVOKED' })
  await assert.rejects(apply(revoked(), seenAt(file, '2026-11-01T00:00:00Z')), { code: 'KEY_REVOKED' })
  const since = revoked('2026-11-10T00:00:00Z')
  await assert.rejects(apply(since, file), { code: 'KEY_REVOKED' })
  await assert.rejects(apply(since, seenAt(file, '2026-11-10T00:00:00Z')), { code: 'KEY_REVOKED' })
  assert.ok((await apply(since, seenAt(file, '2026-11-09T00:00:00Z'))).effect.isChange)
})

test('a principal that is revoked as a whole gets no new key', async () => {
  const named = { ...holding(), principals: [{ ...one.principal, id: 'acme' }] }
  const document: PolicyDocument = { ...named, rules: [{ pattern: 'acme/*', principals: ['acme'], threshold: 1 }] }
  assert.ok((await apply(document, rotationOf(one, two))).effect.isChange)
  const gone = revoke(document, { target: 'acme', reason: 'left' }, NOW).document
  await assert.rejects(apply(gone, rotationOf(one, two)), { code: 'KEY_REVOKED' })
})

test('a new key that is revoked, ahead of time or since some time, does not come in', async () => {
  for (const since of [undefined, '2099-01-01T00:00:00Z']) {
    const document = revoke(holding(), { target: two.keyId, reason: 'leaked', since }, NOW).document
    await assert.rejects(apply(document, rotationOf(one, two)), { code: 'KEY_REVOKED', message: /the new key/ })
  }
})

test('revoking the old key afterwards leaves the new one good, though the principal has its name', async () => {
  const { document } = await apply(holding(), rotationOf(one, two, OVERLAP))
  const policy = policyOf(revoke(document, { target: one.keyId, reason: 'stolen' }, NOW).document)
  assert.equal(await verdictOf(policy, one.publish().staged), 'KEY_REVOKED')
  assert.equal(await verdictOf(policy, two.publish().staged), 'OK')
  await assert.rejects(apply(policy.document, rotationOf(one, three)), { code: 'KEY_REVOKED' })
})

test('a key that was removed vouches for nobody', async () => {
  await assert.rejects(apply(withdraw(holding(), one.keyId).document, rotationOf(one, two)), {
    code: 'SIGNER_NOT_TRUSTED',
  })
})
