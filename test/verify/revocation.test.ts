import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseTrustedRoot } from '../../src/verify/keyless/trusted-root.ts'
import { EMPTY_DOCUMENT } from '../../src/verify/policy.ts'
import type { PolicyDocument, Revocation } from '../../src/verify/policy-document.ts'
import { revoke, withdraw } from '../../src/verify/policy-edits.ts'
import { grant } from '../../src/verify/policy-grant.ts'
import type { Roots } from '../../src/verify/roots.ts'
import { authority, policyOf, staged, trusting } from '../helpers/authority.ts'
import { verdictOf, verifierFor } from '../helpers/examine.ts'
import { startSigstore } from '../helpers/sigstore/sigstore.ts'
import { stamped } from '../helpers/sigstore/stamped.ts'

let clock = new Date('2026-11-01T00:00:00Z')
const sigstore = await startSigstore({ now: () => clock })
after(() => sigstore.close())
const root = parseTrustedRoot(sigstore.trustedRootBytes, 'local')
const roots: Roots = { find: async () => root, all: async () => [root] }

const alice = await authority()
const bob = await authority()
const release = alice.publish()
const AT = '2026-11-20T00:00:00Z'

/** Alice's release, seen by the timestamp authority at that moment. */
function seenAt(time: string) {
  clock = new Date(time)
  return staged(release.tarball, stamped(release.bundle, sigstore))
}
const revoking = (...revocations: Partial<Revocation>[]) =>
  trusting([alice], 'acme/*', {
    revocations: revocations.map((one) => ({ target: alice.keyId, reason: 'stolen', at: AT, ...one })),
  })
const verdict = (policy: ReturnType<typeof revoking>, tarball = release.staged) =>
  verdictOf(policy, tarball, {}, { roots })

/** Which of these versions a revocation of acme/hello holds. */
async function heldBy(target: string, versions: readonly string[]): Promise<string[]> {
  const policy = revoking({ target })
  const held: string[] = []
  for (const version of versions) {
    const revocation = await policy.releaseRevocationOf({
      name: release.statement.name,
      version,
      sha256: '0'.repeat(64),
    })
    if (revocation !== null) held.push(version)
  }
  return held
}

test('a range holds the versions that npm would say, and what comes before a release belongs to it', async () => {
  const versions = ['0.9.9', '1.0.0-rc.1', '1.0.0', '1.0.0+b', '1.9.9', '2.0.0-rc.1', '2.0.0', '2.0.1']
  assert.deepEqual(await heldBy('acme/hello@<2.0.0', versions), versions.slice(0, 6))
  assert.deepEqual(await heldBy('acme/hello@^1', versions), versions.slice(1, 5))
  assert.deepEqual(await heldBy('acme/hello@1.x', versions), versions.slice(1, 5))
  assert.deepEqual(await heldBy('acme/hello@>=1.0.0 <1.5.0 || 2.0.1', versions), ['1.0.0', '1.0.0+b', '2.0.1'])
  assert.deepEqual(await heldBy('acme/hello@2.0.0-rc.1 - 2.0.0', versions), ['2.0.0-rc.1', '2.0.0'])
  for (const all of ['acme/hello@*', 'acme/hello@x', 'acme/hello@||', 'acme/hello@ '])
    assert.deepEqual(await heldBy(all, versions), versions, all)
})

test('a range that semver cannot read holds everything', async () => {
  for (const range of ['latest', '1.2.3.4', '>', '=>1', '<99999999999999999999.0.0', '~>', '1 - - 2'])
    assert.deepEqual(await heldBy(`acme/hello@${range}`, ['1.0.0', '7.0.0-x']), ['1.0.0', '7.0.0-x'], range)
})

test('a version names itself alone, whatever its build is called', async () => {
  assert.deepEqual(await heldBy('acme/hello@1.0.0', ['1.0.0', '1.0.0+b', '1.0.0-rc.1', '1.0.1']), ['1.0.0'])
  assert.deepEqual(await heldBy('acme/hello@=1.0.0', ['1.0.0', '1.0.0+b', '1.0.0-rc.1']), ['1.0.0', '1.0.0+b'])
  assert.deepEqual(await heldBy('acme/hello-2@*', ['1.0.0']), [])
})

test('a digest holds these bytes under every name, and no others', async () => {
  assert.equal(await verdict(revoking({ target: `sha256:${release.statement.sha256}` })), 'RELEASE_REVOKED')
  assert.equal(await verdict(revoking({ target: `sha256:${release.statement.manifestDigest}` })), 'OK')
})

test('compromised since spares what somebody trusted saw before, at install and when it is verified again', async () => {
  const policy = revoking({ since: '2026-11-10T00:00:00Z' })
  const before = seenAt('2026-11-09T23:59:59Z')
  assert.equal(await verdict(policy, before), 'OK')
  assert.equal(await verdict(policy, seenAt('2026-11-10T00:00:00Z')), 'KEY_REVOKED')
  assert.equal(await verdict(policy), 'KEY_REVOKED', 'without a timestamp nobody knows when')
  const kept = { name: release.statement.name, version: '1.0.0' }
  const verifier = verifierFor(policy, { roots })
  assert.equal((await verifier.reverify(before.bundle as Buffer, kept)).statement.version, '1.0.0')
  await assert.rejects(verifier.reverify(release.bundle, kept), { code: 'KEY_REVOKED' })
})

test('compromised since spares nothing where the timestamp is forged, of other bytes, or of nobody we trust', async () => {
  const policy = revoking({ since: '2026-11-10T00:00:00Z' })
  for (const timestamp of ['forged', 'other-data'] as const) {
    clock = new Date('2026-11-01T00:00:00Z')
    const { timestampAuthority } = sigstore
    const amiss = { timestampAuthority: { stamp: (query: never) => timestampAuthority.stamp(query, timestamp) } }
    const bundle = stamped(release.bundle, amiss as never)
    assert.equal(await verdict(policy, staged(release.tarball, bundle)), 'TIMESTAMP_INVALID', timestamp)
  }
  const before = seenAt('2026-11-01T00:00:00Z')
  assert.equal(await verdictOf(policy, before, {}), 'TIMESTAMP_INVALID', 'this host has no root that vouches for it')
  const other = alice.publish({ version: '2.0.0' })
  const moved = JSON.parse(other.bundle.toString())
  moved.verificationMaterial.timestampVerificationData = JSON.parse(
    String(before.bundle),
  ).verificationMaterial.timestampVerificationData
  const swapped = staged(other.tarball, Buffer.from(`${JSON.stringify(moved)}\n`))
  assert.equal(await verdict(policy, swapped), 'TIMESTAMP_INVALID', "another signature's timestamp")
})

test('a revocation without since holds whatever was seen when, beside one that has it too', async () => {
  const before = seenAt('2026-11-01T00:00:00Z')
  assert.equal(await verdict(revoking({}), before), 'KEY_REVOKED')
  assert.equal(await verdict(revoking({ since: '2026-11-10T00:00:00Z' }, {}), before), 'KEY_REVOKED')
  assert.equal(
    await verdict(revoking({ since: '2026-11-10T00:00:00Z' }, { since: '2026-10-01T00:00:00Z' }), before),
    'KEY_REVOKED',
    'the earliest counts',
  )
})

test('only an earlier since, or none, widens a revocation; nothing narrows it', () => {
  const at = new Date(AT)
  const ask = (document: PolicyDocument, since?: string) =>
    revoke(document, { target: alice.keyId, reason: 'stolen', since }, at)
  const first = ask(trusting([alice]).document, '2026-11-10T00:00:00Z').document
  assert.equal(ask(first, '2026-11-10T00:00:00Z').document, first)
  assert.equal(ask(first, '2026-11-11T00:00:00Z').document, first)
  const wider = ask(first, '2026-11-01T00:00:00Z')
  assert.equal(wider.document.revocations.length, 2)
  assert.match(wider.notes.join(), /now it is revoked for longer/)
  const whole = ask(wider.document).document
  assert.equal(whole.revocations.length, 3)
  assert.equal(ask(whole, '2020-01-01T00:00:00Z').document, whole)
  for (const target of ['acme/hello@1.0.0', 'acme/hello@<1.0.0', `sha256:${'0'.repeat(64)}`])
    assert.throws(() => revoke(EMPTY_DOCUMENT, { target, reason: 'x', since: AT }, at), { code: 'USAGE' })
})

test('a principal that is revoked takes all it signs with along; one that a key stands for, that key alone', async () => {
  const second = bob.publish()
  const team = (id: string): PolicyDocument => {
    const keys = [...alice.principal.keys, ...bob.principal.keys]
    const rules = [{ pattern: 'acme/*', principals: [id], threshold: 1 }]
    return { version: 1, principals: [{ id, keys, identities: [] }], rules, revocations: [] }
  }
  const revokedFor = (document: PolicyDocument, target: string) =>
    policyOf(revoke(document, { target, reason: 'stolen' }, new Date(AT)).document)
  assert.equal(await verdict(revokedFor(team('team'), 'team'), second.staged), 'KEY_REVOKED')
  assert.equal(await verdict(revokedFor(team('team'), alice.keyId), second.staged), 'OK')
  const own = revokedFor(team(alice.keyId), alice.keyId)
  assert.equal(await verdict(own), 'KEY_REVOKED')
  assert.equal(await verdict(own, second.staged), 'OK', 'the key that has taken its place goes on')
  const gone = withdraw(own.document, alice.keyId)
  assert.match(gone.notes.join(), /signed for .* and goes with it/)
  const again = grant(gone.document, { credential: bob.key, pattern: 'acme/*' })
  assert.equal(await verdict(policyOf(again.document), second.staged), 'OK')
  assert.throws(() => grant(gone.document, { credential: alice.key, pattern: 'acme/*' }), { code: 'KEY_REVOKED' })
})
