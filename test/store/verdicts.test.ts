import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/core/digest.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { Evidence } from '../../src/core/verified.ts'
import type { Verdict } from '../../src/store/index.ts'
import { acceptanceOf, begin, makePlace, NAME, type Place, released, remove, settle } from './stores.ts'

const first = await released()
const second = await released({ version: '2.0.0' })
const other = await released({ name: 'acme/other' })
const OTHER = 'acme/other' as PluginName

const document = (text: string) => ({ digest: sha256(text), bytes: Buffer.from(text) })
const evidence = (policy: string, ...roots: string[]): Evidence => ({
  policy: document(policy),
  roots: roots.map((text) => ({ name: text, ...document(text) })),
})
const verdict = (of: Evidence | null, code: Verdict['verdict'] = 'OK'): Verdict => ({
  verdict: code,
  signers: [{ id: 'ed25519:x', kind: 'keyed', principal: 'alice' }],
  countersigners: [],
  checks: [{ check: 'bundle', result: 'pass', detail: 'good', remedy: null }],
  bundle: null,
  evidence: of,
  bulkhead: '0.0.2',
})

const kept = (place: Place): string[] =>
  place.raw((db) =>
    (db.prepare('SELECT bytes FROM documents ORDER BY rowid').all() as { bytes: Buffer }[]).map(({ bytes }) =>
      bytes.toString(),
    ),
  )

test('what let a release in is kept raw: policy, signers, checks, version and time', (t) => {
  const place = makePlace(t)
  place.install(first)
  const { install, latest } = place.store.verdicts.of(NAME, '1.0.0')
  const { policy } = first.verified.evidence
  assert.equal(latest, null)
  assert.deepEqual([install?.verdict, install?.bulkhead, install?.policyDigest], ['OK', '0.0.1', policy.digest])
  assert.deepEqual(install?.signers, first.verified.signers)
  assert.equal(install?.bundle, sha256(first.verified.bundle ?? ''))
  assert.deepEqual(place.store.verdicts.document(policy.digest), Buffer.from(policy.bytes))
})

test('a policy that many verdicts name is kept once', (t) => {
  const place = makePlace(t)
  place.install(first)
  place.install(other)
  assert.equal(kept(place).length, 1)
})

test('of later verdicts the latest is kept, with what it rests on, and the one of the install', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  const { verdicts } = place.store
  verdicts.keepLatest(installed, verdict(evidence('p2', 'r1', 'r2')))
  verdicts.keepLatest(installed, verdict(evidence('p3', 'r2'), 'KEY_REVOKED'))
  const { install, latest } = verdicts.of(NAME, '1.0.0')
  assert.equal(install?.policyDigest, first.verified.evidence.policy.digest)
  assert.deepEqual([latest?.verdict, latest?.policyDigest], ['KEY_REVOKED', sha256('p3')])
  assert.deepEqual(latest?.roots, [{ name: 'r2', digest: sha256('r2') }])
  assert.deepEqual(kept(place).slice(1).sort(), ['p3', 'r2'])
})

test('a verdict that was made without a readable policy is kept without one', (t) => {
  const place = makePlace(t)
  place.store.verdicts.keepLatest(place.install(first), verdict(null, 'POLICY_INVALID'))
  const { latest } = place.store.verdicts.of(NAME, '1.0.0')
  assert.deepEqual([latest?.verdict, latest?.policyDigest], ['POLICY_INVALID', null])
})

test('what nobody needs any more goes with the last installation of its release', (t) => {
  const place = makePlace(t)
  place.install(first)
  place.store.verdicts.keepLatest(place.install(other), verdict(evidence('p2')))
  assert.equal(kept(place).length, 2)
  remove(place.store, OTHER, true)
  assert.deepEqual(place.store.verdicts.of(OTHER, '1.0.0'), { install: null, latest: null })
  assert.equal(kept(place).length, 1)
  remove(place.store, NAME, false)
  assert.deepEqual(kept(place), [])
})

test('a replaced release keeps its verdicts for as long as it has a row', (t) => {
  const place = makePlace(t)
  place.install(first)
  const { replaced } = settle(place.store, begin(place.store, second), second)
  assert.notEqual(place.store.verdicts.of(NAME, '1.0.0').install, null)
  assert.ok(replaced !== null)
  place.store.forget(replaced)
  assert.equal(place.store.verdicts.of(NAME, '1.0.0').install, null)
  assert.notEqual(place.store.verdicts.of(NAME, '2.0.0').install, null)
})

test('a verdict about what was removed meanwhile is kept nowhere', (t) => {
  const place = makePlace(t)
  const installed = place.install(first)
  remove(place.store, NAME, false)
  place.store.verdicts.keepLatest(installed, verdict(evidence('p2')))
  assert.deepEqual(kept(place), [])
})

test('an install that does not settle keeps no verdict', (t) => {
  const place = makePlace(t)
  const begun = begin(place.store, first)
  const broken = { ...acceptanceOf(first), verdict: null as never }
  assert.throws(() => settle(place.store, begun, first, { verdict: broken }))
  assert.equal(place.store.find(NAME), null)
  assert.deepEqual(kept(place), [])
})

test('a document whose bytes were changed in the file is as good as gone', (t) => {
  const place = makePlace(t)
  place.install(first)
  place.raw((db) => db.exec("UPDATE documents SET bytes = x'00'"))
  assert.equal(place.store.verdicts.document(first.verified.evidence.policy.digest), null)
})
