import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { sha256 } from '../../src/core/digest.ts'
import { buildStatement } from '../../src/verify/index.ts'
import { workflow } from '../helpers/sigstore/issuer.ts'
import { keylessLine } from '../helpers/sigstore/keyless.ts'
import { startSigstore } from '../helpers/sigstore/sigstore.ts'
import { agree, HELLO, household, writeRelease } from './household.ts'

const sigstore = await startSigstore()
after(() => sigstore.close())
const WORKFLOW = workflow('acme/plugins')
/** As Fulcio writes it into the certificate. */
const identity = `https://github.com/${String(WORKFLOW.job_workflow_ref)}`
const { issuer } = sigstore.urls
const bytes = sigstore.trustedRootBytes

/** acme/hello, signed without keys and checked against a root of this home. */
async function keylessHouse(t: TestContext) {
  const house = await household(t)
  const root = join(house.layout.roots, 'local.json')
  mkdirSync(house.layout.roots, { mode: 0o755 })
  writeFileSync(root, bytes)
  await house.manager.trust.addIdentity({ issuer, identity, root: 'local' }, { pattern: HELLO, principal: 'ci' })
  const release = house.publisher.publish()
  const bundle = await keylessLine(sigstore, buildStatement(release.statement))
  const folder = join(house.layout.home, '..', 'keyless')
  await house.manager.install(writeRelease(folder, release.tarball, bundle), { consent: agree })
  const since = async () => {
    const { ok, since = [] } = await house.manager.verify(HELLO)
    return { ok, since: since.map(({ what, detail }) => `${what}: ${detail}`) }
  }
  return { house, root, since }
}

test('the root that vouched for a certificate is kept byte for byte, and named in the provenance', async (t) => {
  const { house, since } = await keylessHouse(t)
  const [one] = await house.manager.provenance(HELLO)
  const signer = { id: `${issuer} ${identity}`, kind: 'keyless', principal: 'ci', issuer, identity }
  assert.deepEqual(one?.signers, [signer])
  assert.deepEqual(one?.roots, [{ name: 'local', digest: sha256(bytes) }])
  const kept = house.raw((db) => db.prepare('SELECT bytes FROM documents WHERE sha256 = ?').get(sha256(bytes)))
  assert.deepEqual((kept as { bytes: Buffer }).bytes, bytes)
  assert.deepEqual(await since(), { ok: true, since: [] })
})

test('what a root has lost or won since the install is told by service, also where the plugin is refused for it', async (t) => {
  const { root, since } = await keylessHouse(t)
  await using elsewhere = await startSigstore()
  const { tlogs, ...rest } = sigstore.trustedRoot
  const [first, ...others] = tlogs
  const [added] = elsewhere.trustedRoot.tlogs
  writeFileSync(root, JSON.stringify({ ...rest, tlogs: [first, ...others, added] }))
  const wider = await since()
  assert.equal(wider.since.length, 1)
  assert.match(wider.since[0] ?? '', new RegExp(`^root: trusted root local: tlogs: ${added?.baseUrl} .* was added$`))
  writeFileSync(root, JSON.stringify({ ...rest, tlogs: others }))
  const narrower = await since()
  assert.equal(narrower.ok, false)
  assert.match(
    narrower.since[0] ?? '',
    new RegExp(`^root: trusted root local: tlogs: ${sigstore.urls.rekor1} .* was removed$`),
  )
})

test('a root that is gone, or is written in other words, is told as such', async (t) => {
  const { root, since } = await keylessHouse(t)
  writeFileSync(root, JSON.stringify(sigstore.trustedRoot))
  assert.deepEqual(await since(), {
    ok: true,
    since: ['root: trusted root local was written anew, with the same in it'],
  })
  rmSync(root)
  const { ok, since: changes } = await since()
  assert.equal(ok, false)
  assert.match(
    changes[0] ?? '',
    /^root: trusted root local cannot be used now: cannot find a trusted root named local$/,
  )
})

test('an identity that was revoked, or bound to another repository, is told in words', async (t) => {
  const { house, since } = await keylessHouse(t)
  await house.manager.trust.revoke({ target: `${issuer} ${identity}`, reason: 'taken over' })
  await house.manager.trust.revoke({ target: `${HELLO}@<2.0.0`, reason: 'has a hole' })
  const { ok, since: changes } = await since()
  assert.equal(ok, false)
  assert.deepEqual(
    changes.map((text) => text.replace(/ at \S+/, '')),
    [
      `revocation: ${issuer} ${identity} was revoked (taken over)`,
      `revocation: ${HELLO}@<2.0.0 was revoked (has a hole)`,
    ],
  )
})
