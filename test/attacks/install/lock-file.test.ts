// A lock file says yes in somebody's name. What it is made to say yes to beyond what a reviewer could see must be no yes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consentByLock } from '../../../src/core/lock-consent.ts'
import { formatLockFile } from '../../../src/core/lock-file.ts'
import { parseLockFile } from '../../../src/core/lock-file-parser.ts'
import { parseManifest } from '../../../src/core/manifest-parser.ts'
import { hex, locked } from '../../core/locks.ts'

const HUNGRY = {
  name: 'acme/hello',
  version: '1.0.0',
  entry: { runtime: 'exec', path: 'x' },
  limits: { memory: '8G' },
  permissions: { env: ['AWS_SECRET_ACCESS_KEY'], network: ['evil.example:443'] },
} as const
const manifest = parseManifest(Buffer.from(JSON.stringify(HUNGRY)))
const LINE = locked('acme/hello', '1.0.0', { runtime: 'exec', limits: manifest.limits })
const statement = { ...LINE, manifestDigest: LINE.manifest }
const { signers, countersigners, predicates, fileList } = LINE
const found = { statement, signers, countersigners, predicates, fileList, manifest }

test('a release that asks for more than the lock file shows gets no more', () => {
  assert.deepEqual(consentByLock(LINE, found), { network: [], read: [], env: [] })
})

test('other bytes than those that were reviewed are let in by nobody', () => {
  for (const other of [{ sha256: hex('0', 64) }, { sha512: hex('0', 128) }, { manifestDigest: hex('0', 64) }]) {
    assert.throws(() => consentByLock(LINE, { ...found, statement: { ...statement, ...other } as never }), {
      code: 'LOCK_DIFFERS',
    })
  }
})

test('a tarball that lost the signature a reviewer saw, though others signed it, is not what was reviewed', () => {
  assert.throws(() => consentByLock(LINE, { ...found, signers: ['ed25519:another'] }), { code: 'LOCK_DIFFERS' })
})

test('a line that plays down what the manifest says misleads nobody', () => {
  assert.throws(() => consentByLock({ ...LINE, limits: { memoryBytes: 2 ** 20 } }, found), { code: 'LOCK_DIFFERS' })
})

test('a hook that a reviewer was not shown is not run', () => {
  const program = { runtime: 'exec', path: 'x' } as const
  for (const more of [{ health: program }, { hooks: { postinstall: program } }]) {
    const eager = parseManifest(Buffer.from(JSON.stringify({ ...HUNGRY, ...more })))
    assert.throws(() => consentByLock(LINE, { ...found, manifest: eager }), {
      code: 'LOCK_DIFFERS',
      message: /hooks is/,
    })
  }
})

test('nor is one with more than a reviewer was shown: limits of its own, or another runtime', () => {
  const hooks = { health: { runtime: 'exec', path: 'x' } } as const
  const line = { ...LINE, hooks: { health: { runtime: 'exec', limits: {} } } } as const
  const of = (more: object) =>
    parseManifest(Buffer.from(JSON.stringify({ ...HUNGRY, health: { ...hooks.health, ...more } })))
  assert.deepEqual(consentByLock(line, { ...found, manifest: of({}) }).env, [])
  for (const more of [{ limits: { memory: '8G' } }, { runtime: 'python' }])
    assert.throws(() => consentByLock(line, { ...found, manifest: of(more) }), { code: 'LOCK_DIFFERS' })
})

test('a tarball is never looked for anywhere but beside the lock file', () => {
  for (const file of ['../x.tgz', '/etc/x.tgz', 'a/b.tgz', '..tgz', 'x.tgz\n', '.hidden.tgz', 'x\\y.tgz']) {
    const bytes = Buffer.from(formatLockFile({ plugins: [{ ...LINE, source: { file } }] }))
    assert.throws(() => parseLockFile(bytes, 'plugins.lock'), { code: 'LOCK_INVALID' }, file)
  }
})

test('a name that a terminal would obey, or that hides what it says, is refused in every text of it', () => {
  for (const text of ['\u001b[2J', 'a\u202eb', 'a\u200bb', 'a\nb']) {
    for (const part of [
      { signers: [text] },
      { countersigners: [text] },
      { predicates: [text] },
      { range: text },
      { source: { url: `https://a.example/${text}` } },
    ]) {
      const bytes = Buffer.from(formatLockFile({ plugins: [{ ...LINE, ...part }] }))
      assert.throws(() => parseLockFile(bytes, 'plugins.lock'), { code: 'LOCK_INVALID' }, JSON.stringify(part))
    }
  }
})
