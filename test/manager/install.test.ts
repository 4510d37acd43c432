import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openManager } from '../../src/index.ts'
import { grant, revoke, TrustFile } from '../../src/verify/index.ts'
import { authority, type PublishedRelease, staged as stagedOf } from '../helpers/authority.ts'
import { tarOf } from '../helpers/hostile-archive.ts'
import { agree, HELLO, household, manifestOf, questions, writeRelease } from './household.ts'

const uid = process.geteuid?.() ?? 0

test('a signed tarball becomes an installed plugin', async (t) => {
  const house = await household(t)
  const report = await house.install({ files: { 'lib/a.js': 'x' } })
  assert.deepEqual([report.name, report.version, report.replaced], [HELLO, '1.0.0', null])
  assert.deepEqual(report.signers, [house.publisher.keyId])

  const [plugin, ...others] = house.manager.list()
  assert.deepEqual(others, [])
  assert.deepEqual([plugin?.state, plugin?.sha256, plugin?.uid], ['installed', report.sha256, report.uid])
  assert.deepEqual(readdirSync(house.packageOf(), { recursive: true }).sort(), [
    'lib',
    'lib/a.js',
    'main.js',
    'plugin.json',
  ])
  assert.deepEqual(readdirSync(house.layout.staging), [])

  const info = await house.manager.info(HELLO)
  assert.equal(info.runtime, 'node')
  assert.equal(info.limits.memoryBytes, 256 * 2 ** 20)
  const verified = await house.manager.verify(HELLO)
  assert.equal(verified.ok, true)
  assert.ok(house.manager.verifyAudit().count >= 1)
})

test('every verdict against a tarball is told apart, and leaves nothing behind', async (t) => {
  const house = await household(t)
  await house.install({ version: '1.0.0' })
  const { publisher, layout } = house
  const stranger = await authority()
  const known = await authority() // trusted, but for another namespace
  const gone = await authority()
  const late = await authority()
  const trustFile = new TrustFile(layout.trustFile, uid)
  await trustFile.edit((document) => grant(document, { credential: known.key, pattern: 'other/*' }))
  await trustFile.edit((document) => grant(document, { credential: gone.key, pattern: 'acme/*' }))
  await trustFile.edit((document) =>
    grant(document, { credential: late.key, pattern: 'acme/late', validUntil: '2020-01-01T00:00:00Z' }),
  )
  await trustFile.edit((document) => grant(document, { credential: publisher.key, pattern: 'acme/two', threshold: 1 }))
  await trustFile.edit((document) => grant(document, { credential: known.key, pattern: 'acme/two', threshold: 2 }))
  await trustFile.edit((document) => revoke(document, { target: gone.keyId, reason: 'lost' }, new Date()))
  await trustFile.edit((document) => revoke(document, { target: 'acme/hello@3.0.0', reason: 'broken' }, new Date()))

  const next = { version: '2.0.0' }
  const good = publisher.publish(next)
  const hostile = gzipSync(tarOf({ name: '../escape', body: 'x' }))
  const other = publisher.publish({ ...next, files: { 'more.js': '1' } })
  const untrue = (misstate: Parameters<typeof publisher.publish>[0]) => publisher.publish({ ...next, ...misstate })
  const cases: readonly [string, Pick<PublishedRelease, 'tarball'> & { bundle: Buffer | null }][] = [
    ['UNSIGNED', { ...good, bundle: null }],
    ['BUNDLE_MALFORMED', { ...good, bundle: Buffer.from('{}\n') }],
    [
      'SIGNATURE_INVALID',
      { ...good, bundle: edit(good.bundle, (text) => text.replace(/"sig":"[^"]{86}==/, `"sig":"${'A'.repeat(86)}==`)) },
    ],
    ['SIGNER_NOT_TRUSTED', stranger.publish(next)],
    ['SIGNER_NOT_TRUSTED', known.publish(next)],
    ['THRESHOLD_NOT_MET', publisher.publish({ name: 'acme/two' })],
    ['KEY_EXPIRED', late.publish({ name: 'acme/late' })],
    ['KEY_REVOKED', gone.publish(next)],
    ['DIGEST_MISMATCH', { tarball: other.tarball, bundle: good.bundle }],
    ['SUBJECT_MISMATCH', untrue({ misstate: (statement) => ({ ...statement, version: '2.0.1' }) })],
    ['STATEMENT_EXPIRED', publisher.publish({ ...next, expiresAt: '2026-11-02T00:00:00Z' })],
    ['STATEMENT_INVALID', { ...good, bundle: publisher.sign({ _type: 'https://in-toto.io/Statement/v1' }) }],
    ['RELEASE_REVOKED', publisher.publish({ version: '3.0.0' })],
    ['DOWNGRADE_REFUSED', publisher.publish({ version: '0.9.0' })],
    ['VERSION_REPUBLISHED', publisher.publish({ version: '1.0.0', files: { 'main.js': '2' } })],
    ['ARCHIVE_MISMATCH', untrue({ misstate: (statement) => ({ ...statement, files: statement.files.slice(1) }) })],
    ['ARCHIVE_UNSAFE', signedAnyway(publisher, hostile, good)],
    ['ARCHIVE_MALFORMED', signedAnyway(publisher, Buffer.from('no gzip'), good)],
    [
      'PLATFORM_UNSUPPORTED',
      publisher.publish({
        files: {
          'plugin.json': manifestOf({
            version: '2.0.0',
            platforms: [process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64'],
          }),
        },
      }),
    ],
  ]
  const before = house.state()
  for (const [code, { tarball, bundle }] of cases) {
    const path = writeRelease(join(layout.home, '..', code), tarball, bundle)
    const { consent, asked } = questions()
    await assert.rejects(house.manager.install(path, { consent }), { code, message: /^cannot / }, code)
    assert.deepEqual(asked, [], `${code} was asked about`)
    assert.deepEqual(house.state(), before, code)
  }
  const refused = house.manager.audit(null, 1000).filter(({ kind }) => kind === 'refused')
  assert.ok(refused.length >= 16, 'each refusal is in the trail')
  assert.deepEqual(
    house.manager.list().map(({ version }) => version),
    ['1.0.0'],
  )
})

/** Signs whatever bytes, stating of them what was stated of an honest release. */
function signedAnyway(publisher: Awaited<ReturnType<typeof authority>>, tarball: Buffer, good: PublishedRelease) {
  const bundle = publisher.publish({
    version: '2.0.0',
    misstate: (statement) => ({
      ...statement,
      ...digestsOf(tarball),
      files: [],
      ...(good.statement.files.length > 0 ? { files: good.statement.files } : {}),
    }),
  }).bundle
  return { tarball, bundle }
}

function digestsOf(tarball: Buffer) {
  const { sha256, sha512 } = stagedOf(tarball, null)
  return { sha256, sha512 }
}

const edit = (bundle: Buffer, change: (text: string) => string): Buffer => {
  const changed = Buffer.from(change(bundle.toString()))
  assert.notDeepEqual(changed, bundle, 'the edit changes something')
  return changed
}

test('a byte flipped anywhere in the tarball or the bundle is refused with exit 3, and leaves nothing behind', async (t) => {
  const house = await household(t)
  const { tarball, bundle } = house.publisher.publish({ files: { 'lib/a.js': 'x'.repeat(300) } })
  const dir = join(house.layout.home, '..', 'flipped')
  const before = house.state()
  const flip = (bytes: Buffer, at: number, bit: number) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at)
    return copy
  }
  const attempt = async (what: string, path: string) =>
    assert.rejects(house.manager.install(path, { consent: agree }), (error: { exitCode?: number }) => {
      assert.equal(error.exitCode, 3, `${what}: ${error}`)
      return true
    })
  for (let at = 0; at < tarball.length; at += 7)
    await attempt(`tarball ${at}`, writeRelease(dir, flip(tarball, at, at % 8), bundle))
  for (let at = 0; at < bundle.length; at += 5) {
    const flipped = flip(bundle, at, at % 7)
    rmSync(dir, { recursive: true, force: true })
    const path = writeRelease(dir, tarball, null)
    writeFileSync(`${path}.sigstore.json`, flipped)
    await attempt(`bundle ${at}`, path)
  }
  assert.deepEqual(house.state(), before)
  await house.manager.install(writeRelease(dir, tarball, bundle), { consent: agree })
})

test('cut or prolonged, a tarball is refused', async (t) => {
  const house = await household(t)
  const { tarball, bundle } = house.publisher.publish()
  const dir = join(house.layout.home, '..', 'cut')
  for (const bytes of [
    tarball.subarray(0, -1),
    tarball.subarray(1),
    Buffer.concat([tarball, Buffer.alloc(1)]),
    Buffer.alloc(0),
  ]) {
    await assert.rejects(house.manager.install(writeRelease(dir, bytes, bundle), { consent: agree }), {
      code: 'DIGEST_MISMATCH',
    })
  }
})

test('a link, a folder and a file that is not there are not read as a tarball', async (t) => {
  const house = await household(t)
  const path = house.publish()
  symlinkSync(path, `${path}.link.tgz`)
  for (const wrong of [`${path}.link.tgz`, join(path, '..'), `${path}.none`])
    await assert.rejects(house.manager.install(wrong, { consent: agree }), { code: 'FILE_UNREADABLE' })
})

test('consent is asked once, after everything was checked, and says everything', async (t) => {
  const house = await household(t)
  const { asked, consent } = questions()
  const permissions = { network: [] as string[], read: ['/usr/share/zoneinfo'], env: ['TOKEN'] }
  const path = house.publish({
    files: { 'plugin.json': manifestOf({ permissions, description: 'Says hello', limits: { memory: '9G' } }) },
  })
  await house.manager.install(path, { consent })
  assert.equal(asked.length, 1)
  const [question] = asked
  assert.deepEqual(question?.permissions, permissions)
  assert.equal(question?.added, null, 'nothing was installed before')
  assert.equal(question?.description, 'Says hello')
  assert.deepEqual(question?.signers, [house.publisher.keyId])
  assert.equal(question?.cuts[0]?.limit, 'memoryBytes')
  const installed = house.manager.audit(HELLO, 10).find(({ kind }) => kind === 'installed')
  assert.deepEqual(installed?.details.consent, permissions)
})

test('what a newer version asks for beyond what was agreed to is named', async (t) => {
  const house = await household(t)
  await house.install({ files: { 'plugin.json': manifestOf({ permissions: { env: ['A'], read: ['/usr/share'] } }) } })
  const { asked, consent } = questions()
  const wider = manifestOf({ version: '2.0.0', permissions: { env: ['A', 'B'], read: ['/usr/lib'] } })
  await house.manager.install(house.publish({ files: { 'plugin.json': wider } }), { consent })
  assert.deepEqual(asked[0]?.added, { network: [], read: ['/usr/lib'], env: ['B'] })
})

test('an answer of no changes nothing, whether it is said or thrown', async (t) => {
  const house = await household(t)
  await house.install()
  const wider = manifestOf({ version: '2.0.0', permissions: { env: ['TOKEN'] } })
  const path = house.publish({ files: { 'plugin.json': wider } })
  const before = house.state()
  await assert.rejects(house.manager.install(path, { consent: () => false }), { code: 'CONSENT_REFUSED', exitCode: 1 })
  const thrown = new Error('the question fell over')
  await assert.rejects(house.manager.install(path, { consent: () => Promise.reject(thrown) }), thrown)
  assert.deepEqual(house.state(), before)
  assert.deepEqual(
    house.manager.list().map(({ version }) => version),
    ['1.0.0'],
  )
})

test('a newer version takes the place of the older one, with its user id', async (t) => {
  const house = await household(t)
  const first = await house.install()
  const old = house.packageOf()
  const second = await house.install({ version: '1.10.0' })
  assert.deepEqual([second.replaced, second.uid], ['1.0.0', first.uid])
  assert.equal(existsSync(old), true, 'it is kept to go back to')
  assert.deepEqual(
    house.manager.list().map(({ version, kept }) => [version, ...kept]),
    [['1.10.0', '1.0.0']],
  )
  await assert.rejects(house.install({ version: '1.9.0' }), { code: 'DOWNGRADE_REFUSED' })
})

test('an older version is let in by name alone, which is recorded and lowers nothing', async (t) => {
  const house = await household(t)
  await house.install({ version: '2.0.0' })
  await house.install({ version: '1.0.0' }, { allowDowngrade: true })
  const [event] = house.manager
    .audit(HELLO, 100)
    .filter(({ kind, details }) => kind === 'installed' && details.version === '1.0.0')
  assert.equal(event?.details.allowedDowngrade, true)
  await house.manager.remove(HELLO, { purge: true })
  await assert.rejects(house.install({ version: '1.5.0' }), { code: 'DOWNGRADE_REFUSED' }, 'the mark is still 2.0.0')
})

test('the same release twice is said to be there', async (t) => {
  const house = await household(t)
  const path = house.publish()
  await house.manager.install(path, { consent: agree })
  const before = house.state()
  await assert.rejects(house.manager.install(path, { consent: agree }), { code: 'ALREADY_INSTALLED', exitCode: 4 })
  assert.deepEqual(house.state(), before)
})

test('two installs of one plugin at once: both are done, one after the other', async (t) => {
  const house = await household(t)
  const other = await openManager({ home: house.layout.home })
  t.after(() => other.close())
  const [older, newer] = [house.publish({ version: '1.0.0' }), house.publish({ version: '1.1.0' })]
  const results = await Promise.allSettled([
    house.manager.install(older, { consent: agree }),
    other.install(newer, { consent: agree }),
  ])
  const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason.code)
  assert.deepEqual(
    refused.filter((code) => code !== 'DOWNGRADE_REFUSED'),
    [],
  )
  assert.deepEqual(
    house.manager.list().map(({ version }) => version),
    ['1.1.0'],
  )
  assert.equal((await house.manager.verify(HELLO)).ok, true)
  assert.equal(readdirSync(join(house.layout.plugins, HELLO)).length, 2 - refused.length)
})

test('when the disk fails while unpacking, nothing is left and the old version stands', async (t) => {
  const house = await household(t)
  await house.install()
  const path = house.publish({ version: '2.0.0' })
  const rows = house.raw((db) => db.prepare('SELECT * FROM installations').all())
  rmSync(house.layout.staging, { recursive: true })
  writeFileSync(house.layout.staging, 'a file where a folder must be')
  await assert.rejects(
    house.manager.install(path, { consent: agree }),
    (error: { exitCode: number }) => error.exitCode === 1,
  )
  assert.deepEqual(
    house.raw((db) => db.prepare('SELECT * FROM installations').all()),
    rows,
  )
  rmSync(house.layout.staging)
  assert.equal((await house.manager.verify(HELLO)).ok, true)
  await house.manager.install(path, { consent: agree })
})

test('a home that others could write is refused before anything is read', {
  skip: uid === 0 ? false : 'not root',
}, async (t) => {
  const house = await household(t)
  chmodSync(house.layout.trustFile, 0o666)
  await assert.rejects(house.install(), { code: 'POLICY_UNSAFE', exitCode: 3 })
  chmodSync(house.layout.trustFile, 0o600)
  writeFileSync(house.layout.configFile, '{}', { mode: 0o600 })
  chmodSync(house.layout.configFile, 0o622)
  await assert.rejects(house.reopen(), { code: 'POLICY_UNSAFE' })
  chmodSync(house.layout.configFile, 0o600)
  writeFileSync(house.layout.configFile, '{"profile":"lax"}')
  await assert.rejects(house.reopen(), { code: 'CONFIG_INVALID' })
  rmSync(house.layout.configFile)
  writeFileSync(house.layout.trustFile, '{"version":1')
  await house.reopen()
  await assert.rejects(house.install(), { code: 'POLICY_INVALID' })
})

test('the bundle is kept beside the tree as it was signed', async (t) => {
  const house = await household(t)
  const { tarball, bundle } = house.publisher.publish()
  await house.manager.install(writeRelease(join(house.layout.home, '..', 'kept'), tarball, bundle), { consent: agree })
  assert.deepEqual(readFileSync(join(house.packageOf(), '../../bundle.sigstore.jsonl')), bundle)
})

test('an older tarball is a good one, though it may not be installed', async (t) => {
  const house = await household(t)
  const old = house.publish({ version: '1.0.0' })
  await house.install({ version: '2.0.0' })
  assert.equal((await house.manager.verify(old)).ok, true)
  await assert.rejects(house.manager.install(old, { consent: agree }), { code: 'DOWNGRADE_REFUSED' })
})
