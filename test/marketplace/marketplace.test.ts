import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openMarketplace } from '../../src/index.ts'
import { Marketplace } from '../../src/marketplace.ts'
import { parsePublicKey } from '../../src/verify/index.ts'
import { Authority, policyOf, staged } from '../helpers/authority.ts'
import { verdictOf } from '../helpers/examine.ts'

const NOON = new Date('2026-11-21T12:00:00Z')

function desk(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-author-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, at: (name: string) => join(folder, name), market: new Marketplace(() => NOON) }
}

/** The policy that trusts a public key file. */
function trustingFile(path: string) {
  const { publicKey } = parsePublicKey(readFileSync(path), path)
  const { principal, keyId } = new Authority({ publicKey } as never)
  return policyOf({
    version: 1,
    principals: [principal],
    rules: [{ pattern: 'acme/*', principals: [keyId], threshold: 1 }],
    revocations: [],
  })
}

test('what an author makes, a host accepts', async (t) => {
  const { at, market } = desk(t)
  const key = await market.generateKey(at('acme'), null)
  await market.init(at('hello'), { name: 'acme/hello', runtime: 'node' })
  const valid = await market.validate(at('hello'))
  const packed = await market.pack(at('hello'), at('dist'))
  assert.equal(packed.sha256, valid.sha256, 'what was validated is what is packed')
  assert.equal((await market.pack(at('hello'), at('again'))).sha256, packed.sha256)

  const signed = await market.sign(packed.path, {
    key: at('acme.key'),
    passphrase: () => assert.fail('it is not encrypted'),
  })
  assert.deepEqual([signed.name, signed.version, signed.keyId], ['acme/hello', '1.0.0', key.id])
  const tarball = staged(readFileSync(packed.path), readFileSync(signed.bundle))
  assert.equal(await verdictOf(trustingFile(at('acme.pub')), tarball), 'OK')
})

test('every runtime has a starting point that keeps every rule', async (t) => {
  const { at, market } = desk(t)
  for (const runtime of ['node', 'python', 'exec']) {
    await market.init(at(runtime), { name: `acme/${runtime}`, runtime })
    assert.equal((await market.validate(at(runtime))).name, `acme/${runtime}`)
    await assert.rejects(market.init(at(runtime), { name: 'acme/again', runtime }), { code: 'FILE_EXISTS' })
  }
  await assert.rejects(market.init(at('ruby'), { name: 'acme/x', runtime: 'ruby' }), { exitCode: 2 })
  await assert.rejects(market.init(at('bad'), { name: 'Acme', runtime: 'node' }), { exitCode: 2 })
})

test('a secret key is never overwritten, is private, and opens with its passphrase alone', async (t) => {
  const { at, market } = desk(t)
  await market.generateKey(at('acme'), 'open sesame')
  assert.equal(statSync(at('acme.key')).mode & 0o777, 0o600)
  await assert.rejects(market.generateKey(at('acme'), null), { code: 'FILE_EXISTS' })
  await market.init(at('hello'), { name: 'acme/hello', runtime: 'node' })
  const { path } = await market.pack(at('hello'), at('dist'))
  const signing = (passphrase: string | null) =>
    market.sign(path, { key: at('acme.key'), passphrase: () => passphrase })
  await assert.rejects(signing('open barley'), { code: 'PASSPHRASE_WRONG' })
  await assert.rejects(signing(null), { code: 'PASSPHRASE_NEEDED' })
  assert.equal(existsSync(`${path}.sigstore.json`), false)
  await signing('open sesame')

  chmodSync(at('acme.key'), 0o644)
  await assert.rejects(market.sign(path, { key: at('acme.key'), passphrase: () => 'open sesame', replace: true }), {
    code: 'KEY_FILE_INVALID',
  })
})

test('a signature that is there is replaced only when that is asked for', async (t) => {
  const { at, market } = desk(t)
  await market.generateKey(at('acme'), null)
  await market.init(at('hello'), { name: 'acme/hello', runtime: 'node' })
  const { path } = await market.pack(at('hello'), at('dist'))
  const options = { key: at('acme.key'), passphrase: () => null }
  await market.sign(path, options)
  const before = readFileSync(`${path}.sigstore.json`)
  await assert.rejects(market.sign(path, { ...options, sequence: 2 }), { code: 'ALREADY_SIGNED' })
  assert.deepEqual(readFileSync(`${path}.sigstore.json`), before)
  await market.sign(path, { ...options, sequence: 2, replace: true })
  assert.notDeepEqual(readFileSync(`${path}.sigstore.json`), before)
})

test('what is not a package is not signed', async (t) => {
  const { at, market } = desk(t)
  await market.generateKey(at('acme'), null)
  writeFileSync(at('x.tgz'), 'no tarball')
  await assert.rejects(market.sign(at('x.tgz'), { key: at('acme.key'), passphrase: () => null }), {
    code: 'ARCHIVE_MALFORMED',
  })
  await assert.rejects(market.sign(at('none.tgz'), { key: at('acme.key'), passphrase: () => null }), {
    code: 'FILE_UNREADABLE',
  })
  assert.equal(existsSync(`${at('x.tgz')}.sigstore.json`), false)
})

test('the schema is that of the published address', async () => {
  const schema = (await (await openMarketplace()).schema()) as { $id: string; additionalProperties: boolean }
  assert.equal(schema.$id, 'https://bulkhead.dev/schema/plugin-1.json')
  assert.equal(schema.additionalProperties, false)
})
