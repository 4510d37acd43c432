import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sha256, sha512 } from '../../../src/core/digest.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { authority } from '../../helpers/authority.ts'

/** Nothing was asked, unpacked, installed or remembered of it. */
async function assertUntouched(attacked: AttackedHome, path: string, code: string): Promise<void> {
  await attacked.with(async (manager) => {
    const consent = () => assert.fail('asked before it was checked')
    await assert.rejects(manager.install(path, { consent }), { code })
    assert.deepEqual(manager.list(), [])
  })
  assert.deepEqual(attacked.staged(), [])
  assert.equal(existsSync(join(attacked.home, 'plugins')), false)
}

test('a bomb that nobody signed is never unpacked: the digest speaks before the inflater', async (t) => {
  const attacked = await AttackedHome.make(t)
  const release = attacked.publisher.publish()
  const bomb = gzipSync(Buffer.alloc(300 * 2 ** 20))
  const before = process.resourceUsage().maxRSS
  await assertUntouched(attacked, attacked.download({ ...release, tarball: bomb }), 'DIGEST_MISMATCH')
  assert.ok(process.resourceUsage().maxRSS - before < 100 * 1024, 'it was inflated')
})

test('the payload of a stranger is not parsed: its faults are never the answer', async (t) => {
  const attacked = await AttackedHome.make(t)
  const mallory = await authority()
  for (const payload of ['{', '{"_type":1}', '[[[[[[[[[[[[[[[[[[[[', '\ufeff{}']) {
    const path = attacked.download({ ...attacked.publisher.publish(), bundle: mallory.sign(payload) })
    await assertUntouched(attacked, path, 'SIGNER_NOT_TRUSTED')
  }
})

test('nor is a payload under a known key whose signature is not its own', async (t) => {
  const attacked = await AttackedHome.make(t)
  const { bundle, ...release } = attacked.publisher.publish()
  const json = JSON.parse(bundle.toString('utf8'))
  json.dsseEnvelope.payload = Buffer.from('{').toString('base64')
  const forged = Buffer.from(`${JSON.stringify(json)}\n`)
  await assertUntouched(attacked, attacked.download({ ...release, bundle: forged }), 'SIGNATURE_INVALID')
})

test('what is refused is in the trail, and its version is free for the real release', async (t) => {
  const attacked = await AttackedHome.make(t)
  const path = attacked.download(attacked.publisher.publish({ files: { 'a.js': 'other bytes' } }))
  writeFileSync(path, gzipSync(Buffer.from('changed')))
  await assertUntouched(attacked, path, 'DIGEST_MISMATCH')
  await attacked.install()
  await attacked.with((manager) => {
    const { kind, details } = manager.audit(null, 100).find((event) => event.kind === 'refused') ?? assert.fail()
    assert.equal(kind, 'refused')
    assert.equal(details.code, 'DIGEST_MISMATCH')
    manager.verifyAudit()
  })
})

test('a signed tarball that states itself wrongly leaves nothing behind', async (t) => {
  const attacked = await AttackedHome.make(t)
  const spec = {
    misstate: <T extends { files: readonly object[] }>(said: T): T => ({ ...said, files: said.files.slice(1) }),
  }
  await assertUntouched(attacked, attacked.download(attacked.publisher.publish(spec)), 'ARCHIVE_MISMATCH')
})

test('a signed tarball that is no archive is refused as one', async (t) => {
  const attacked = await AttackedHome.make(t)
  const tarball = gzipSync(Buffer.from('no archive'))
  const misstate = <T extends object>(said: T): T => ({ ...said, sha256: sha256(tarball), sha512: sha512(tarball) })
  const path = attacked.download({ ...attacked.publisher.publish({ misstate }), tarball })
  await assertUntouched(attacked, path, 'ARCHIVE_MALFORMED')
})
