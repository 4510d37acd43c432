import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { bundleOf } from '../../src/core/layout.ts'
import type { Change, Verification } from '../../src/index.ts'
import { formatPublicKey } from '../../src/verify/keyfile.ts'
import { version } from '../../src/version.ts'
import { authority } from '../helpers/authority.ts'
import { HELLO, type Household, household, rewrite, trust } from './household.ts'

const details = ({ since = [] }: Verification): string[] => since.map(({ detail }: Change) => detail)
const since = async ({ manager }: Household): Promise<string[]> => details(await manager.verify(HELLO))

const rowOf = (house: Household, occasion: string) =>
  house.raw((db) => db.prepare('SELECT * FROM verifications WHERE occasion = ?').get(occasion)) as
    | { bulkhead: string; verdict: string; checks: string; policy_sha256: string | null }
    | undefined

test('an install keeps the checks that were made, the policy byte for byte and the version that made them', async (t) => {
  const house = await household(t)
  await house.install()
  const row = rowOf(house, 'install')
  assert.deepEqual([row?.verdict, row?.bulkhead], ['OK', version])
  const checks = JSON.parse(row?.checks ?? '[]') as { check: string; result: string }[]

  assert.ok(checks.filter(({ result }) => result === 'pass').length >= 15)
  assert.ok(checks.every(({ result }) => result !== 'fail'))
  const kept = house.raw((db) => db.prepare('SELECT bytes FROM documents').all()) as { bytes: Buffer }[]
  assert.deepEqual(
    kept.map(({ bytes }) => bytes),
    [readFileSync(house.layout.trustFile)],
  )
})

test('where nothing has changed, that is what is said; of a tarball nothing can be said', async (t) => {
  const house = await household(t)
  await house.install()
  const { since: changes, ok } = await house.manager.verify(HELLO)
  assert.deepEqual([ok, changes], [true, []])
  assert.equal((await house.manager.verify(house.publish({ version: '2.0.0' }))).since, undefined)
})

test('each verification leaves the latest verdict alone in its place', async (t) => {
  const house = await household(t)
  await house.install()
  await house.manager.verifyAll()
  assert.equal(rowOf(house, 'latest')?.verdict, 'OK')
  await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  await house.manager.verify(HELLO)
  assert.equal(rowOf(house, 'latest')?.verdict, 'KEY_REVOKED')
  assert.equal(rowOf(house, 'install')?.verdict, 'OK')
  const count = house.raw((db) => db.prepare('SELECT count(*) AS n FROM verifications').get()) as { n: number }
  assert.equal(count.n, 2)
  const documents = house.raw((db) => db.prepare('SELECT count(*) AS n FROM documents').get()) as { n: number }
  assert.equal(documents.n, 2)
})

test('what changed of the policy is told in words, also where that is why the plugin is refused', async (t) => {
  const house = await household(t)
  await house.install()
  const other = await authority()
  const keyFile = `${house.layout.home}/other.pub`
  writeFileSync(keyFile, formatPublicKey(other.key.publicKey, 'other'))
  await house.manager.trust.add(keyFile, { pattern: 'acme/*', principal: 'marketplace', threshold: 2 })
  const refused = await house.manager.verify(HELLO)
  assert.equal(refused.error?.code, 'THRESHOLD_NOT_MET')
  assert.deepEqual(details(refused), [
    'rule for acme/*: principals: marketplace was added',
    'rule for acme/*: threshold is 2, was 1',
    'principal: marketplace was added',
  ])
})

test('a policy that changed elsewhere only is said to have done so', async (t) => {
  const house = await household(t)
  await house.install()
  await trust(house.layout, await authority(), 'other/*')
  assert.deepEqual(await since(house), ['trust.json, in nothing that is about acme/hello'])
})

test('a policy that cannot be read is a refusal that is kept, and told', async (t) => {
  const house = await household(t)
  await house.install()
  writeFileSync(house.layout.trustFile, '{')
  const refused = await house.manager.verify(HELLO)
  assert.equal(refused.error?.code, 'POLICY_INVALID')
  assert.deepEqual(details(refused), ['trust.json cannot be read now'])
  assert.deepEqual([rowOf(house, 'latest')?.verdict, rowOf(house, 'latest')?.policy_sha256], ['POLICY_INVALID', null])
})

test('another version of Bulkhead, another bundle and other signers are told', async (t) => {
  const house = await household(t)
  const other = await authority()
  await trust(house.layout, other)
  const report = await house.install({ signers: [house.publisher, other] })
  house.raw((db) => db.exec("UPDATE verifications SET bulkhead = '0.0.1'"))
  const bundle = bundleOf(house.layout.release(HELLO, report.version, report.sha256 as never))
  const [first = ''] = readFileSync(bundle, 'utf8').split('\n')
  rewrite(bundle, `${first}\n`)
  const changed = await house.manager.verify(HELLO)
  assert.equal(changed.ok, true)
  const [program, evidence, signer] = details(changed)
  assert.equal(program, `Bulkhead is ${version}, was 0.0.1`)
  assert.match(evidence ?? '', /^bundle is [0-9a-f]{64}, was [0-9a-f]{64}$/)
  assert.equal(signer, `signers: ${other.keyId} was removed`)
})

test('what was installed before evidence was kept says so, and is verified all the same', async (t) => {
  const house = await household(t)
  await house.install()
  house.raw((db) => db.exec('DELETE FROM verifications'))
  const result = await house.manager.verify(HELLO)
  assert.equal(result.ok, true)
  assert.match(details(result)[0] ?? '', /was not kept by the version that did it/)
})

test('a policy that somebody changed in the database is not taken for the one of then', async (t) => {
  const house = await household(t)
  await house.install()
  house.raw((db) => db.exec("UPDATE documents SET bytes = x'7b7d'"))
  await house.manager.trust.revoke({ target: 'acme/other@1.0.0', reason: 'bad' })
  assert.match((await since(house))[0] ?? '', /not in the database any more, or was changed there/)
})

test('a policy of then that this version cannot read is told, and refuses nothing', async (t) => {
  const house = await household(t)
  await house.install()
  const { sha256 } = await import('../../src/core/digest.ts')
  const old = Buffer.from('{"version":0}')
  house.raw((db) => {
    db.prepare('INSERT INTO documents (sha256, bytes) VALUES (?, ?)').run(sha256(old), old)
    db.prepare("UPDATE verifications SET policy_sha256 = ? WHERE occasion = 'install'").run(sha256(old))
  })
  const result = await house.manager.verify(HELLO)
  assert.equal(result.ok, true)
  assert.match(details(result)[0] ?? '', /none that this version can read/)
})

test('removing takes the evidence along, and installing again makes new', async (t) => {
  const house = await household(t)
  await house.install()
  await house.manager.remove(HELLO, { purge: false })
  const count = () => house.raw((db) => db.prepare('SELECT count(*) AS n FROM documents').get()) as { n: number }
  assert.equal(count().n, 0)
  await house.install()
  assert.equal(count().n, 1)
  assert.deepEqual(await since(house), [])
})

test('a verdict that cannot be kept is told so, and does not hide what is wrong with the plugin', async (t) => {
  const house = await household(t)
  await house.install()
  await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  const writer = new Database(house.layout.database)
  t.after(() => writer.close())
  // Waited for, ten seconds long.
  writer.exec('BEGIN IMMEDIATE')
  const refused = await house.manager.verify(HELLO)
  writer.exec('ROLLBACK')
  assert.deepEqual([refused.ok, refused.error?.code], [false, 'KEY_REVOKED'])
  const row = refused.checks.find(({ check }) => check === 'evidence')
  assert.equal(row?.result, 'fail')
  assert.match(row?.detail ?? '', /another process held it/)
})
