import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { RotationQuestion } from '../../src/index.ts'
import { formatPublicKey, revoke, TrustFile } from '../../src/verify/index.ts'
import { type Authority, authority } from '../helpers/authority.ts'
import { rotationOf } from '../helpers/rotation.ts'
import { startSigstore } from '../helpers/sigstore/sigstore.ts'
import { stamped } from '../helpers/sigstore/stamped.ts'
import { agree, HELLO, type Household, household, writeRelease } from './household.ts'

const OVERLAP = { validFrom: '2020-01-01T00:00:00Z', oldValidUntil: '2099-01-01T00:00:00Z' }
const uid = process.geteuid?.() ?? 0

/** A house, a key that is to take the place of its publisher's, and a file that says so. */
async function rotating(t: TestContext, options: Parameters<typeof rotationOf>[2] = OVERLAP) {
  const house = await household(t)
  const next = await authority()
  return { house, next, file: written(house, rotationOf(house.publisher, next, options)) }
}

function written({ layout }: Household, bytes: Buffer, name = 'rotation.json'): string {
  const path = join(layout.home, '..', name)
  writeFileSync(path, bytes)
  return path
}

const installBy = (house: Household, who: Authority, version: string) => {
  const { tarball, bundle } = who.publish({ version })
  const path = writeRelease(join(house.layout.home, '..', `by-${version}`), tarball, bundle)
  return house.manager.install(path, { consent: agree })
}

test('a rotation that is agreed to lets both keys sign, and stands in the trail', async (t) => {
  const { house, next, file } = await rotating(t)
  await assert.rejects(installBy(house, next, '1.0.0'), { code: 'SIGNER_NOT_TRUSTED' })
  const asked: RotationQuestion[] = []
  const rotated = await house.manager.trust.rotate(file, { consent: (question) => asked.push(question) > 0 })
  assert.equal(rotated.isChange, true)
  const [question] = asked
  assert.deepEqual(
    [question?.principal, question?.newKey, question?.joins?.validFrom, question?.oldKeyEnds],
    [house.publisher.keyId, next.keyId, OVERLAP.validFrom, OVERLAP.oldValidUntil],
  )
  assert.deepEqual(
    question?.patterns.map(({ pattern, as }) => [pattern, as]),
    [['acme/*', 'signer']],
  )
  await installBy(house, next, '1.0.0')
  await installBy(house, house.publisher, '1.0.1')
  const [event] = house.manager.audit(next.keyId, 1)
  assert.equal(event?.kind, 'trust-rotated')
  assert.equal(event?.details.oldKey, house.publisher.keyId)
  assert.match(String(event?.details.rotation), /^sha256:[0-9a-f]{64}$/)
})

test('what the old key signed goes on running when its end has come; nothing new is installed with it', async (t) => {
  const { house, next, file } = await rotating(t, { oldValidUntil: '2026-01-01T00:00:00Z' })
  await house.install()
  await house.manager.trust.rotate(file, { consent: agree })
  assert.equal((await house.manager.plan(HELLO)).name, HELLO)
  await assert.rejects(house.install({ version: '1.1.0' }), { code: 'KEY_EXPIRED' })
  await installBy(house, next, '1.1.0')
})

test('no without consent: nothing is written, and nothing in the trail says otherwise', async (t) => {
  const { house, next, file } = await rotating(t)
  const before = readFileSync(house.layout.trustFile)
  await assert.rejects(house.manager.trust.rotate(file, { consent: () => false }), { code: 'CONSENT_REFUSED' })
  assert.deepEqual(readFileSync(house.layout.trustFile), before)
  assert.deepEqual(house.manager.audit(next.keyId, 10), [])
})

test('the same file again asks nobody and writes nothing', async (t) => {
  const { house, file } = await rotating(t)
  await house.manager.trust.rotate(file, { consent: agree })
  const before = readFileSync(house.layout.trustFile)
  const again = await house.manager.trust.rotate(file, { consent: () => assert.fail('nothing to agree to') })
  assert.equal(again.isChange, false)
  assert.deepEqual(readFileSync(house.layout.trustFile), before)
})

test('what was revoked while the question was asked does not come in', async (t) => {
  const { house, next, file } = await rotating(t)
  for (const target of [next.keyId, house.publisher.keyId]) {
    const consent = async () => {
      await new TrustFile(house.layout.trustFile, uid).edit((document) =>
        revoke(document, { target, reason: 'stolen' }, new Date()),
      )
      return true
    }
    await assert.rejects(house.manager.trust.rotate(file, { consent }), { code: 'KEY_REVOKED' })
    assert.ok(!readFileSync(house.layout.trustFile, 'utf8').includes(`"id": "${next.keyId}"`))
  }
})

test('what would be another change by now is not what was agreed to', async (t) => {
  const { house, file } = await rotating(t)
  const consent = async () => {
    const pub = join(house.layout.home, '..', 'p.pub')
    writeFileSync(pub, formatPublicKey(house.publisher.key.publicKey, 'x'))
    await house.manager.trust.add(pub, { pattern: 'acme/*', validUntil: '2050-01-01T00:00:00Z' })
    return true
  }
  await assert.rejects(house.manager.trust.rotate(file, { consent }), { code: 'STORE_BUSY' })
})

test('an old key that is compromised since vouches by what a timestamp authority of this host saw before', async (t) => {
  let clock = new Date('2026-11-01T00:00:00Z')
  await using sigstore = await startSigstore({ now: () => clock })
  const { house, next } = await rotating(t)
  mkdirSync(house.layout.roots, { recursive: true, mode: 0o755 })
  writeFileSync(join(house.layout.roots, 'local.json'), sigstore.trustedRootBytes, { mode: 0o644 })
  const plain = rotationOf(house.publisher, next)
  await house.manager.trust.revoke({
    target: house.publisher.keyId,
    reason: 'stolen',
    since: '2026-11-10T00:00:00Z',
  })
  const rotate = (bytes: Buffer) => house.manager.trust.rotate(written(house, bytes), { consent: agree })
  await assert.rejects(rotate(plain), { code: 'KEY_REVOKED' })
  const before = stamped(plain, sigstore)
  clock = new Date('2026-11-11T00:00:00Z')
  await assert.rejects(rotate(stamped(plain, sigstore)), { code: 'KEY_REVOKED' })
  assert.equal((await rotate(before)).isChange, true)
  await installBy(house, next, '1.0.0')
  await assert.rejects(house.install({ version: '1.1.0' }), { code: 'KEY_REVOKED' })
})

test('a file that is none, or too large, is no rotation', async (t) => {
  const { house } = await rotating(t)
  const rotate = (path: string) => house.manager.trust.rotate(path, { consent: agree })
  await assert.rejects(rotate(join(house.layout.home, 'none')), { code: 'FILE_UNREADABLE' })
  await assert.rejects(rotate('/dev/zero'), { code: 'FILE_UNREADABLE' })
  await assert.rejects(rotate(written(house, Buffer.alloc(2 ** 20 + 1))), { code: 'FILE_UNREADABLE' })
  await assert.rejects(rotate(written(house, Buffer.from('{}'))), { code: 'BUNDLE_MALFORMED' })
})
