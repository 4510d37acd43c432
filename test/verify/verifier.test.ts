import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ArchiveError, PluginError, StoreError } from '../../src/core/errors.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { ReleaseHistory, VerifiedRelease } from '../../src/core/verified.ts'
import { CHECKS } from '../../src/verify/check-log.ts'
import type { PolicyDocument } from '../../src/verify/policy-document.ts'
import { authority, packed, policyOf, staged, trusting } from '../helpers/authority.ts'
import { NOW, verdictOf, verifierFor } from '../helpers/examine.ts'

const alice = await authority()
const bob = await authority()
const release = alice.publish({ executable: ['main.js'] })
const HELLO = 'acme/hello' as PluginName
const installed = { name: HELLO, version: '1.0.0' }
const AT = '2026-11-20T00:00:00Z'

const revoking = (...targets: string[]) =>
  trusting([alice], 'acme/*', { revocations: targets.map((target) => ({ target, reason: 'stolen', at: AT })) })
const valid = (window: { validFrom?: string; validUntil?: string }): PolicyDocument => {
  const [key] = alice.principal.keys
  assert.ok(key)
  const rules = [{ pattern: 'acme/*', principals: [alice.keyId], threshold: 1 }]
  return { version: 1, principals: [{ ...alice.principal, keys: [{ ...key, ...window }] }], rules, revocations: [] }
}
const seen = (highWater: string | null, digests: Record<string, string> = {}): ReleaseHistory => ({
  highWater,
  digestOf: (version) => digests[version] ?? null,
})

test('accepts what a trusted signer signed, and says why, one row a check', async () => {
  const policy = trusting([alice])
  const { checks, verdict } = await verifierFor(policy).examine(release.staged, installed)
  assert.ok(verdict.ok)
  assert.deepEqual(
    checks.map(({ check }) => check),
    [...CHECKS],
  )
  assert.ok(checks.every(({ result, detail, remedy }) => result !== 'fail' && detail !== '' && remedy === null))
  // A key needs no log, nobody has timestamped it, and the rule asks for no countersignature.
  assert.deepEqual(
    checks.filter(({ result }) => result !== 'pass').map(({ check }) => check),
    ['log', 'timestamp', 'countersignature'],
  )
  const { verified, manifest, tarball, archive } = verdict.value
  assert.equal(manifest.name, 'acme/hello')
  assert.equal(tarball, release.staged)
  assert.equal(archive.entries.length, 2)
  assert.deepEqual(verified.statement, release.statement)
  assert.deepEqual(verified.signers, [{ id: alice.keyId, kind: 'keyed', principal: alice.keyId }])
  assert.equal(verified.policyDigest, policy.digest)
  assert.equal(verified.bundle, release.bundle)
})

test('verify gives the release, or throws its verdict', async () => {
  const verified: VerifiedRelease = await verifierFor(trusting([alice])).verify(release.staged)
  assert.equal(verified.manifest.version, '1.0.0')
  await assert.rejects(verifierFor(trusting([bob])).verify(release.staged), { code: 'SIGNER_NOT_TRUSTED', exitCode: 3 })
})

test('rows after the first failure are not applicable, and say which check failed', async () => {
  const { checks, verdict } = await verifierFor(trusting([alice], 'other/*')).examine(release.staged)
  assert.ok(!verdict.ok)
  const failed = checks.findIndex(({ result }) => result === 'fail')
  assert.equal(checks[failed]?.check, 'policy')
  assert.equal(checks[failed]?.detail, verdict.error.message)
  assert.match(checks[failed]?.remedy ?? '', /plugins trust add SIGNER\.pub --for 'acme\/\*'/)
  assert.ok(checks.slice(0, failed).every(({ result }) => result !== 'fail'))
  assert.ok(
    checks.slice(failed + 1).every(({ result, detail }) => result === 'not-applicable' && /policy failed/.test(detail)),
  )
  assert.equal(checks.length, CHECKS.length)
})

test('UNSIGNED: no bundle at all', async () => {
  assert.equal(await verdictOf(trusting([alice]), staged(release.tarball, null)), 'UNSIGNED')
})

test('BUNDLE_MALFORMED: a bundle that is there and unreadable is never called unsigned', async () => {
  for (const bundle of ['', '{}', 'x', '[]', 'null', '<html>403</html>']) {
    assert.equal(await verdictOf(trusting([alice]), staged(release.tarball, Buffer.from(bundle))), 'BUNDLE_MALFORMED')
  }
})

test('SIGNER_NOT_TRUSTED: a key that no principal holds, or none for this name', async () => {
  assert.equal(await verdictOf(trusting([bob]), release.staged), 'SIGNER_NOT_TRUSTED')
  assert.equal(await verdictOf(trusting([alice], 'other/*'), release.staged), 'SIGNER_NOT_TRUSTED')
  const elsewhere = trusting([alice, bob], 'zeta/*', {
    rules: [{ pattern: 'acme/*', principals: [bob.keyId], threshold: 1 }],
  })
  assert.equal(await verdictOf(elsewhere, release.staged), 'SIGNER_NOT_TRUSTED')
})

test('SIGNER_NOT_TRUSTED: an exact rule shuts out who is trusted for the namespace', async () => {
  const rules = [{ pattern: 'acme/hello', principals: [bob.keyId], threshold: 1 }]
  assert.equal(await verdictOf(trusting([alice, bob], 'acme/*', { rules }), release.staged), 'SIGNER_NOT_TRUSTED')
  const closed = [{ pattern: 'acme/hello', principals: [], threshold: 1 }]
  assert.equal(await verdictOf(trusting([alice], 'acme/*', { rules: closed }), release.staged), 'SIGNER_NOT_TRUSTED')
})

test('SIGNATURE_INVALID: signed by another key than the hint says', async () => {
  const forged = bob.publish().bundle.toString().replaceAll(bob.keyId, alice.keyId)
  assert.equal(await verdictOf(trusting([alice]), staged(release.tarball, Buffer.from(forged))), 'SIGNATURE_INVALID')
})

test('STATEMENT_INVALID: signed, and about something else', async () => {
  for (const payload of ['not json', '{}', '[]', { _type: 'https://in-toto.io/Statement/v1', subject: [] }]) {
    const bundle = alice.sign(payload)
    assert.equal(await verdictOf(trusting([alice]), staged(release.tarball, bundle)), 'STATEMENT_INVALID')
  }
})

test('DIGEST_MISMATCH: another tarball', async () => {
  const other = packed({ files: { 'x.js': '' } })
  assert.equal(await verdictOf(trusting([alice]), staged(other, release.bundle)), 'DIGEST_MISMATCH')
})

test('DIGEST_MISMATCH: each digest must match, not one of them', async () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const zeros = '0'.repeat(algorithm === 'sha256' ? 64 : 128)
    const lie = alice.publish({ misstate: (statement) => ({ ...statement, [algorithm]: zeros }) })
    assert.equal(await verdictOf(trusting([alice]), lie.staged), 'DIGEST_MISMATCH')
  }
})

test('SUBJECT_MISMATCH: another plugin or version than was asked for', async () => {
  const policy = trusting([alice])
  assert.equal(await verdictOf(policy, release.staged, { name: 'acme/other' as PluginName }), 'SUBJECT_MISMATCH')
  assert.equal(await verdictOf(policy, release.staged, { name: HELLO, version: '1.0.1' }), 'SUBJECT_MISMATCH')
  assert.equal(await verdictOf(policy, release.staged, { version: '1.0.0+build' }), 'SUBJECT_MISMATCH')
})

test('SUBJECT_MISMATCH: a manifest of another plugin inside', async () => {
  const lie = alice.publish({ name: 'acme/other', misstate: (statement) => ({ ...statement, name: HELLO }) })
  assert.equal(await verdictOf(trusting([alice]), lie.staged), 'SUBJECT_MISMATCH')
  const older = alice.publish({ version: '0.1.0', misstate: (statement) => ({ ...statement, version: '9.0.0' }) })
  assert.equal(await verdictOf(trusting([alice]), older.staged), 'SUBJECT_MISMATCH')
})

test('THRESHOLD_NOT_MET: until enough distinct principals signed', async () => {
  const policy = trusting([alice, bob], 'acme/*', { threshold: 2 })
  assert.equal(await verdictOf(policy, release.staged), 'THRESHOLD_NOT_MET')
  const both = alice.publish({ signers: [alice, bob] })
  const verified = await verifierFor(policy).verify(both.staged)
  assert.deepEqual(
    verified.verified.signers.map(({ id }) => id),
    [alice.keyId, bob.keyId],
  )
})

test('a known signer whom the rule does not list is checked, and does not count', async () => {
  const rules = [{ pattern: 'zeta/*', principals: [bob.keyId], threshold: 1 }]
  const document = trusting([alice, bob], '*/*', { rules }).document
  const policy = policyOf({
    ...document,
    rules: [...rules, { pattern: 'acme/*', principals: [alice.keyId], threshold: 1 }],
  })
  const both = alice.publish({ signers: [alice, bob] })
  const { verified } = await verifierFor(policy).verify(both.staged)
  assert.deepEqual(verified.signers, [{ id: alice.keyId, kind: 'keyed', principal: alice.keyId }])
  const forged = Buffer.from(release.bundle.toString().replaceAll(alice.keyId, bob.keyId))
  const damaged = Buffer.concat([release.bundle, forged])
  assert.equal(await verdictOf(policy, staged(release.tarball, damaged)), 'SIGNATURE_INVALID')
})

test('KEY_REVOKED: the key, or its principal', async () => {
  assert.equal(await verdictOf(revoking(alice.keyId), release.staged), 'KEY_REVOKED')
  const team = { ...alice.principal, id: 'team' }
  const rules = [{ pattern: 'acme/*', principals: ['team'], threshold: 1 }]
  const revocations = [{ target: 'team', reason: 'left', at: '2099-01-01T00:00:00Z' }]
  const policy = policyOf({ version: 1, principals: [team], rules, revocations })
  assert.equal(await verdictOf(policy, release.staged), 'KEY_REVOKED')
})

test('RELEASE_REVOKED: by name and version, or by digest; its neighbours are not', async () => {
  assert.equal(await verdictOf(revoking('acme/hello@1.0.0'), release.staged), 'RELEASE_REVOKED')
  assert.equal(await verdictOf(revoking(`sha256:${release.statement.sha256}`), release.staged), 'RELEASE_REVOKED')
  const neighbours = revoking('acme/hello@1.0.1', 'acme/hello-2@1.0.0', `sha256:${'0'.repeat(64)}`, bob.keyId)
  assert.equal(await verdictOf(neighbours, release.staged), 'OK')
})

test('KEY_EXPIRED: before its window and from its end on', async () => {
  assert.equal(
    await verdictOf(policyOf(valid({ validFrom: '2026-11-21T12:00:00.001Z' })), release.staged),
    'KEY_EXPIRED',
  )
  assert.equal(await verdictOf(policyOf(valid({ validUntil: '2026-11-21T12:00:00Z' })), release.staged), 'KEY_EXPIRED')
  const window = { validFrom: '2026-11-21T12:00:00Z', validUntil: '2026-11-21T12:00:00.001Z' }
  assert.equal(await verdictOf(policyOf(valid(window)), release.staged), 'OK')
})

test('STATEMENT_EXPIRED: from its own end on', async () => {
  const policy = trusting([alice])
  assert.equal(await verdictOf(policy, alice.publish({ expiresAt: NOW.toISOString() }).staged), 'STATEMENT_EXPIRED')
  assert.equal(await verdictOf(policy, alice.publish({ expiresAt: '2026-11-21T12:00:00.001Z' }).staged), 'OK')
})

test('DOWNGRADE_REFUSED: older than the newest ever seen, unless asked for by name', async () => {
  const older = (highWater: string) => ({ historyOf: () => seen(highWater) })
  const policy = trusting([alice])
  for (const newest of ['1.0.1', '1.0.0+b', '2.0.0-rc.1', '10.0.0']) {
    assert.equal(await verdictOf(policy, release.staged, {}, older(newest)), 'DOWNGRADE_REFUSED', newest)
    assert.equal(await verdictOf(policy, release.staged, { allowDowngrade: true }, older(newest)), 'OK', newest)
  }
  for (const newest of ['1.0.0', '1.0.0-rc.9', '0.99.99', '0.0.0']) {
    assert.equal(await verdictOf(policy, release.staged, {}, older(newest)), 'OK', newest)
  }
})

test('VERSION_REPUBLISHED: other bytes under a version that was seen, whoever allows what', async () => {
  const other = { historyOf: () => seen('1.0.0', { '1.0.0': '0'.repeat(64) }) }
  const same = { historyOf: () => seen('1.0.0', { '1.0.0': release.statement.sha256 }) }
  const policy = trusting([alice])
  assert.equal(await verdictOf(policy, release.staged, { allowDowngrade: true }, other), 'VERSION_REPUBLISHED')
  assert.equal(await verdictOf(policy, release.staged, {}, same), 'OK')
})

test('history is asked for the signed name', async () => {
  const asked: string[] = []
  const historyOf = (name: string) => {
    asked.push(name)
    return seen(null)
  }
  await verdictOf(trusting([alice]), release.staged, {}, { historyOf })
  assert.deepEqual(asked, ['acme/hello'])
})

test('nothing is decompressed before signer, policy, revocation and history agreed', async () => {
  const readArchive = () => assert.fail('decompressed bytes that nobody vouched for')
  const parts = { readArchive }
  const policy = trusting([alice])
  assert.equal(await verdictOf(policy, staged(release.tarball, null), {}, parts), 'UNSIGNED')
  assert.equal(await verdictOf(trusting([bob]), release.staged, {}, parts), 'SIGNER_NOT_TRUSTED')
  assert.equal(await verdictOf(revoking(alice.keyId), release.staged, {}, parts), 'KEY_REVOKED')
  const newer = { ...parts, historyOf: () => seen('9.0.0') }
  assert.equal(await verdictOf(policy, release.staged, {}, newer), 'DOWNGRADE_REFUSED')
  assert.equal(
    await verdictOf(policy, staged(packed({ version: '2.0.0' }), release.bundle), {}, parts),
    'DIGEST_MISMATCH',
  )
})

test('ARCHIVE_MISMATCH: other files than the statement lists, and which', async () => {
  const files = { 'a.js': 'a', 'b.js': 'b' }
  const lists = {
    missing: (list: typeof release.statement.files) => list.filter(({ path }) => path !== 'a.js'),
    size: (list: typeof release.statement.files) => list.map((f) => (f.path === 'a.js' ? { ...f, size: 2 } : f)),
    mode: (list: typeof release.statement.files) =>
      list.map((f) => (f.path === 'a.js' ? { ...f, executable: true } : f)),
    bytes: (list: typeof release.statement.files) =>
      list.map((f) => (f.path === 'a.js' ? { ...f, sha256: release.statement.sha256 } : f)),
    name: (list: typeof release.statement.files) => list.map((f) => (f.path === 'a.js' ? { ...f, path: 'a.jt' } : f)),
  }
  for (const [what, change] of Object.entries(lists)) {
    const lie = alice.publish({ files, misstate: (statement) => ({ ...statement, files: change(statement.files) }) })
    const { verdict, checks } = await verifierFor(trusting([alice])).examine(lie.staged)
    assert.ok(!verdict.ok, what)
    assert.equal(verdict.error.code, 'ARCHIVE_MISMATCH', what)
    assert.match(verdict.error.message, /a\.js/)
    assert.equal(checks.find(({ result }) => result === 'fail')?.check, 'files')
  }
})

test('what the archive reader refuses keeps its own code', async () => {
  const readArchive = () => {
    throw new ArchiveError('ARCHIVE_UNSAFE', 'cannot accept an entry')
  }
  assert.equal(await verdictOf(trusting([alice]), release.staged, {}, { readArchive }), 'ARCHIVE_UNSAFE')
  const garbage = Buffer.from('not a tarball')
  const { sha256, sha512 } = staged(garbage, null)
  const signedGarbage = alice.publish({ misstate: (statement) => ({ ...statement, sha256, sha512 }) })
  assert.equal(await verdictOf(trusting([alice]), staged(garbage, signedGarbage.bundle)), 'ARCHIVE_MALFORMED')
})

test('VERIFIER_ERROR: any exception that nobody planned is a refusal, with its cause', async () => {
  const policy = trusting([alice])
  const failures = [
    new TypeError('x is not a function\u001b[2J'),
    'a string',
    null,
    undefined,
    new PluginError('INTERNAL', 'cannot'),
  ]
  for (const thrown of failures) {
    const fail = () => {
      throw thrown
    }
    for (const part of ['now', 'historyOf', 'readArchive'] as const) {
      const { verdict, checks } = await verifierFor(policy, { [part]: fail }).examine(release.staged)
      assert.ok(!verdict.ok)
      assert.equal(verdict.error.code, 'VERIFIER_ERROR')
      assert.equal(verdict.error.cause, thrown === undefined ? undefined : thrown)
      assert.doesNotMatch(verdict.error.message, /\p{Cc}/u)
      assert.equal(checks.length, CHECKS.length)
    }
  }
})

test('a store that cannot be read is told as that, and is no pass', async () => {
  const historyOf = () => {
    throw new StoreError('STORE_UNREADABLE', 'cannot open the database')
  }
  assert.equal(await verdictOf(trusting([alice]), release.staged, {}, { historyOf }), 'STORE_UNREADABLE')
})

test('what is installed is verified again by its bundle and the policy of today', async () => {
  const verified = await verifierFor(trusting([alice])).reverify(release.bundle, installed)
  assert.deepEqual(verified.statement, release.statement)
  const { checks, verdict } = await verifierFor(trusting([alice])).reexamine(release.bundle, installed)
  assert.ok(verdict.ok)
  assert.deepEqual(
    checks.map(({ check }) => check),
    [...CHECKS],
  )
  assert.ok(checks.every(({ result }) => result !== 'fail'))
})

test('installed: revoked, untrusted, tampered and exchanged bundles are refused', async () => {
  const codeOf = async (
    policy: ReturnType<typeof trusting>,
    bundle = release.bundle,
    expected = installed,
  ): Promise<string> => {
    const { verdict } = await verifierFor(policy).reexamine(bundle, expected)
    return verdict.ok ? 'OK' : verdict.error.code
  }
  assert.equal(await codeOf(revoking(alice.keyId)), 'KEY_REVOKED')
  assert.equal(await codeOf(revoking('acme/hello@1.0.0')), 'RELEASE_REVOKED')
  assert.equal(await codeOf(revoking(`sha256:${release.statement.sha256}`)), 'RELEASE_REVOKED')
  assert.equal(await codeOf(trusting([bob])), 'SIGNER_NOT_TRUSTED')
  assert.equal(await codeOf(trusting([alice], 'zeta/*')), 'SIGNER_NOT_TRUSTED')
  assert.equal(await codeOf(trusting([alice, bob], 'acme/*', { threshold: 2 })), 'THRESHOLD_NOT_MET')
  assert.equal(await codeOf(trusting([alice]), alice.publish({ version: '1.0.1' }).bundle), 'SUBJECT_MISMATCH')
  assert.equal(await codeOf(trusting([alice]), Buffer.from('{}')), 'BUNDLE_MALFORMED')
  await assert.rejects(verifierFor(trusting([bob])).reverify(release.bundle, installed), { code: 'SIGNER_NOT_TRUSTED' })
})

test('installed: expired keys and statements block new installs only', async () => {
  const expired = policyOf(valid({ validUntil: '2020-01-01T00:00:00Z' }))
  assert.ok(await verifierFor(expired).reverify(release.bundle, installed))
  const stale = alice.publish({ expiresAt: '2020-01-01T00:00:00Z' })
  assert.ok(await verifierFor(trusting([alice])).reverify(stale.bundle, installed))
})
