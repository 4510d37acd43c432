// Several signatures in one bundle file.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { COUNTERSIGNATURE_TYPE, PREDICATE_TYPE, type ReleaseStatement } from '../../src/core/statement.ts'
import { fetchTarball } from '../../src/registry/index.ts'
import { parseCountersignature } from '../../src/verify/countersignature.ts'
import { parsePublicKey } from '../../src/verify/index.ts'
import { Authority, authority, packed, trusting } from '../helpers/authority.ts'
import { verdictOf } from '../helpers/examine.ts'
import { desk } from './desk.ts'

const TARBALL = 'acme-hello-1.0.0.tgz'
const ONE = `${TARBALL}.sigstore.json`
const SEVERAL = `${TARBALL}.sigstore.jsonl`

const authorityOf = (path: string) =>
  new Authority({ publicKey: parsePublicKey(readFileSync(path), path).publicKey } as never)

const predicateTypeOf = (payload: Buffer): string => JSON.parse(payload.toString()).predicateType

test('a second signer signs the very statement that is there, and the file becomes one of lines', async (t) => {
  const own = desk(t)
  await own.key('ada')
  await own.key('bob')
  const first = await own.sign('ada', { expiresAt: '2040-01-01T00:00:00.000Z' })
  assert.deepEqual([first.signatures, first.replaced, first.kind], [1, false, 'release'])
  assert.deepEqual(own.files(), [TARBALL, ONE])
  const second = await own.sign('bob')
  assert.equal(second.signatures, 2)
  assert.equal(second.bundle, own.at(SEVERAL))
  assert.deepEqual(own.files(), [TARBALL, SEVERAL], 'never two files, no draft and no lock')

  const [one, two] = own.bundles()
  assert.deepEqual(one?.payload, two?.payload)
  const staged = await fetchTarball(own.tarball)
  const both = trusting([authorityOf(own.at('ada.pub')), authorityOf(own.at('bob.pub'))], 'acme/*', { threshold: 2 })
  assert.equal(await verdictOf(both, staged), 'OK')
})

test('a signer who has signed is told so, and may replace that signature and no other', async (t) => {
  const own = desk(t)
  const ada = await own.key('ada')
  const bob = await own.key('bob')
  await own.sign('ada')
  await own.sign('bob')
  const before = readFileSync(own.at(SEVERAL))
  await assert.rejects(own.sign('ada'), { code: 'ALREADY_SIGNED', exitCode: 1, message: new RegExp(ada) })
  assert.deepEqual(readFileSync(own.at(SEVERAL)), before)

  const again = await own.sign('ada', { replace: true })
  assert.deepEqual([again.signatures, again.replaced], [2, true])
  const [one, two] = own.bundles()
  assert.deepEqual(
    [one?.material, two?.material].map((m) => m?.kind === 'key' && m.hint),
    [bob, ada],
  )
  assert.deepEqual(one?.payload, two?.payload, 'still the same statement')
})

test('a signer who is alone states anew with --force, also of a tarball that was packed again', async (t) => {
  const own = desk(t)
  await own.key('ada')
  await own.sign('ada', { sequence: 1 })
  writeFileSync(own.tarball, packed({ files: { 'more.js': '1' } }))
  await assert.rejects(own.sign('ada'), { code: 'ALREADY_SIGNED' })
  await own.sign('ada', { sequence: 2, replace: true })
  assert.deepEqual(own.files(), [TARBALL, ONE])
  const [bundle] = own.bundles()
  assert.equal(JSON.parse(`${bundle?.payload}`).predicate.sequence, 2)
})

test('what is there has to be about this tarball before anybody adds to it', async (t) => {
  const own = desk(t)
  await own.key('ada')
  await own.key('bob')
  await own.sign('ada')
  const before = readFileSync(own.at(ONE))
  writeFileSync(own.tarball, packed({ files: { 'evil.js': '1' } }))
  await assert.rejects(own.sign('bob'), { code: 'DIGEST_MISMATCH' })
  await assert.rejects(own.sign('bob', { replace: true }), { code: 'DIGEST_MISMATCH' }, 'not with --force either')
  await assert.rejects(own.sign('bob', { countersign: {} }), { code: 'DIGEST_MISMATCH' })
  assert.deepEqual(readFileSync(own.at(ONE)), before)
})

test('a statement of this very tarball that lists other files or names another version gets no second signature', async (t) => {
  const untrue: readonly [string, (statement: ReleaseStatement) => ReleaseStatement][] = [
    ['ARCHIVE_MISMATCH', (s) => ({ ...s, files: s.files.map((file) => ({ ...file, executable: true })) })],
    ['SUBJECT_MISMATCH', (s) => ({ ...s, version: '2.0.0' })],
    ['SUBJECT_MISMATCH', (s) => ({ ...s, name: 'acme/other' as PluginName })],
  ]
  for (const [code, misstate] of untrue) {
    const own = desk(t)
    await own.key('ada')
    await own.key('bob')
    const { bundle, tarball } = (await authority()).publish({ misstate })
    writeFileSync(own.tarball, tarball)
    writeFileSync(own.at(ONE), bundle)
    await assert.rejects(own.sign('bob'), { code })
    assert.deepEqual(own.files(), [TARBALL, ONE])
    assert.deepEqual(readFileSync(own.at(ONE)), bundle)
  }
})

test('signers who disagree already get no third', async (t) => {
  const own = desk(t)
  await own.key('eve')
  const [ada, bob] = await Promise.all([authority(), authority()])
  const one = ada.publish({ sequence: 1 })
  const two = bob.publish({ sequence: 2 })
  writeFileSync(own.tarball, one.tarball)
  writeFileSync(own.at(SEVERAL), Buffer.concat([one.bundle, two.bundle]))
  await assert.rejects(own.sign('eve'), { code: 'STATEMENT_INVALID', message: /all signers to state the same/ })
})

test('a further signer can neither date nor count anew', async (t) => {
  const own = desk(t)
  await own.key('ada')
  await own.key('bob')
  await own.sign('ada')
  await assert.rejects(own.sign('bob', { sequence: 7 }), { code: 'USAGE', message: /--sequence/ })
  await assert.rejects(own.sign('bob', { expiresAt: '2040-01-01T00:00:00Z' }), { code: 'USAGE', message: /--expires/ })
})

test('a bundle file that is damaged is left as it is', async (t) => {
  const own = desk(t)
  await own.key('ada')
  writeFileSync(own.at(ONE), '{"mediaType":')
  await assert.rejects(own.sign('ada'), { code: 'BUNDLE_MALFORMED' })
  await assert.rejects(own.sign('ada', { replace: true }), { code: 'BUNDLE_MALFORMED' })
  assert.equal(readFileSync(own.at(ONE), 'utf8'), '{"mediaType":')
  writeFileSync(own.at(SEVERAL), '')
  await assert.rejects(own.sign('ada'), { code: 'FILE_UNREADABLE', message: /which bundle is meant/ })
})

test('the seventeenth signature is one too many, and is not written', async (t) => {
  const own = desk(t)
  for (let n = 0; n < 16; n++) {
    await own.key(`k${n}`)
    await own.sign(`k${n}`)
  }
  const before = readFileSync(own.at(SEVERAL))
  await own.key('last')
  await assert.rejects(own.sign('last'), { code: 'BUNDLE_MALFORMED', message: /more than 16 bundles/ })
  assert.deepEqual(readFileSync(own.at(SEVERAL)), before)
})

test('of many who sign at once nobody loses a signature: each is written, or told to sign again', async (t) => {
  const own = desk(t)
  const names = ['ada', 'bob', 'cid', 'dan', 'eve']
  for (const name of names) await own.key(name)
  await own.sign('ada')
  const ended = await Promise.allSettled(names.slice(1).map((name) => own.sign(name)))
  const done = ended.filter(({ status }) => status === 'fulfilled').length
  assert.ok(done >= 1)
  // Told so when it writes, or already when it reads a file whose name is being changed.
  const told = ['FILE_EXISTS', 'FILE_UNREADABLE']
  for (const end of ended) if (end.status === 'rejected') assert.ok(told.includes(end.reason.code), end.reason)
  assert.equal(own.bundles().length, 1 + done)
  assert.deepEqual(own.files(), [TARBALL, SEVERAL])
})

test('whoever reads while a signature is added finds a whole file, and never two', async (t) => {
  const own = desk(t)
  await own.key('ada')
  await own.sign('ada')
  await own.key('bob')
  let isDone = false
  const reading = (async () => {
    const counts = new Set<number>()
    while (!isDone) {
      const { bundle } = await fetchTarball(own.tarball).catch((error) => {
        // A file that is being replaced under a reader is said to be so; the next look finds the new one.
        assert.match(error.message, /changed while it was read/)
        return { bundle: undefined }
      })
      if (bundle === undefined) continue
      assert.notEqual(bundle, null)
      counts.add(`${bundle}`.trim().split('\n').length)
    }
    return counts
  })()
  for (let n = 0; n < 20; n++) await own.sign('bob', { replace: true })
  isDone = true
  for (const count of await reading) assert.ok(count === 1 || count === 2)
})

test('a countersignature is a statement of its own about the same tarball', async (t) => {
  const own = desk(t, {}, () => new Date('2026-11-21T12:00:00Z'))
  await own.key('ada')
  const market = await own.key('market')
  await assert.rejects(own.sign('market', { countersign: {} }), { code: 'UNSIGNED' })
  await own.sign('ada')
  const signed = await own.sign('market', { countersign: { note: 'scanned, nothing found' } })
  assert.deepEqual([signed.kind, signed.keyId, signed.signatures], ['countersignature', market, 2])
  const [release, counter] = own.bundles()
  assert.ok(release && counter)
  assert.equal(predicateTypeOf(release.payload), PREDICATE_TYPE)
  assert.equal(predicateTypeOf(counter.payload), COUNTERSIGNATURE_TYPE)
  const staged = await fetchTarball(own.tarball)
  assert.deepEqual(parseCountersignature(counter.payloadType, counter.payload), {
    name: 'acme/hello',
    version: '1.0.0',
    sha256: staged.sha256,
    sha512: staged.sha512,
    reviewedAt: '2026-11-21T12:00:00.000Z',
    note: 'scanned, nothing found',
  })
  // The same key may sign as publisher too: these are two things to say.
  assert.equal((await own.sign('market')).signatures, 3)
  await assert.rejects(own.sign('market', { countersign: {} }), { code: 'ALREADY_SIGNED' })
})
