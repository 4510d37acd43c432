import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { EMPTY_DOCUMENT, formatPolicy } from '../../src/verify/policy.ts'
import { grant } from '../../src/verify/policy-grant.ts'
import { TrustFile } from '../../src/verify/trustfile.ts'
import { authority } from '../helpers/authority.ts'

const top = mkdtempSync('/tmp/bulkhead-trust-')
after(() => rmSync(top, { recursive: true }))
const self = process.geteuid?.() ?? 0
let homes = 0
const newFile = () => new TrustFile(join(top, `home-${homes++}`, 'trust.json'), self)
const alice = await authority()
const addAlice = (file: TrustFile, pattern = 'acme/*') =>
  file.edit((document) => grant(document, { credential: alice.key, pattern }))

test('a file that is not there trusts nobody', () => {
  assert.deepEqual(newFile().read().document, EMPTY_DOCUMENT)
})

test('an edit makes the file and its folder, readable by all and writable by one', async () => {
  const file = newFile()
  await addAlice(file)
  assert.equal(file.read().keyOf(alice.keyId)?.principal.id, alice.keyId)
  assert.equal(statSync(file.path).mode & 0o777, 0o644)
  assert.deepEqual(readdirSync(join(file.path, '..')), ['trust.json'])
})

test('an edit that is refused leaves the file as it was', async () => {
  const file = newFile()
  await addAlice(file)
  const before = readFileSync(file.path)
  await assert.rejects(addAlice(file, 'not a pattern'), { code: 'USAGE' })
  const broken = file.edit((document) => ({ document: { ...document, version: 2 as 1 }, notes: [] }))
  await assert.rejects(broken, { code: 'POLICY_INVALID' })
  assert.deepEqual(readFileSync(file.path), before)
  assert.deepEqual(readdirSync(join(file.path, '..')), ['trust.json'])
})

test('a file that is broken is neither read nor written over', async () => {
  const file = newFile()
  await addAlice(file)
  writeFileSync(file.path, '{"version":1')
  assert.throws(() => file.read(), { code: 'POLICY_INVALID' })
  await assert.rejects(addAlice(file), { code: 'POLICY_INVALID' })
  assert.equal(readFileSync(file.path, 'utf8'), '{"version":1')
})

test('a file that others could write is neither read nor written over', async () => {
  const file = newFile()
  await addAlice(file)
  chmodSync(file.path, 0o666)
  assert.throws(() => file.read(), { code: 'POLICY_UNSAFE' })
  await assert.rejects(addAlice(file), { code: 'POLICY_UNSAFE' })
  chmodSync(file.path, 0o644)
  chmodSync(join(file.path, '..'), 0o777)
  await assert.rejects(addAlice(file), { code: 'POLICY_UNSAFE' })
})

test('edits of many processes at once are all there afterwards', async () => {
  const file = newFile()
  await addAlice(file)
  const script = join(import.meta.dirname, '../helpers/trust-editor.ts')
  const run = promisify(execFile)
  await Promise.all(Array.from({ length: 6 }, (_, n) => run(process.execPath, [script, file.path, `p${n}`, '5'])))
  const patterns = file.read().document.rules.map(({ pattern }) => pattern)
  assert.equal(patterns.length, 1 + 6 * 5)
  assert.deepEqual(readdirSync(join(file.path, '..')), ['trust.json'])
})

test('a lock left by a process that is gone is taken over; one that is held is waited for', async () => {
  const file = newFile()
  await addAlice(file)
  const lock = `${file.path}.lock`
  writeFileSync(lock, '999999999 1 dead\n')
  await addAlice(file, 'b/*')
  writeFileSync(lock, 'not a holder\n')
  await addAlice(file, 'c/*')
  const stat = readFileSync(`/proc/${process.pid}/stat`, 'latin1')
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  writeFileSync(lock, `${process.pid} ${start} held\n`)
  setTimeout(() => rmSync(lock), 100)
  await addAlice(file, 'd/*')
  assert.equal(file.read().document.rules.length, 4)
})

test('an edit that changes nothing writes nothing', async () => {
  const file = newFile()
  await addAlice(file)
  utimesSync(file.path, 1, 1)
  await file.edit((document) => ({ document, notes: [] }))
  assert.equal(statSync(file.path).mtimeMs, 1000)
})

test('the file is for people to read', async () => {
  const file = newFile()
  await addAlice(file)
  assert.deepEqual(readFileSync(file.path), formatPolicy(file.read().document))
  assert.match(readFileSync(file.path, 'utf8'), /^\{\n {2}"version": 1,\n {2}"principals": \[\n/)
})
