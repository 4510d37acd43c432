import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  formatPublicKey,
  parsePublicKey,
  readPublicKey,
  readSecretKey,
  writeKeyFiles,
} from '../../src/verify/keyfile.ts'
import { generateKey } from '../../src/verify/secret-key.ts'
import { allSmallOrderEncodings } from '../helpers/curve.ts'
import { edited, type Json } from '../helpers/edited.ts'

const top = mkdtempSync('/tmp/bulkhead-keys-')
after(() => rmSync(top, { recursive: true }))
const key = await generateKey()
const never = () => assert.fail('asked for a passphrase that is not needed')
const LOCKED = join(top, 'locked')
const BARE = join(top, 'bare')
await writeKeyFiles(LOCKED, key, { passphrase: 'correct horse', comment: 'Acme releases' })
await writeKeyFiles(BARE, key, { passphrase: null, comment: '' })

/** A copy of a key file with one place changed. */
function changedCopy(from: string, path: readonly (string | number)[], value: Json | undefined): string {
  const copy = join(top, 'copy.key')
  rmSync(copy, { force: true })
  writeFileSync(copy, edited(readFileSync(`${from}.key`), path, value), { mode: 0o600 })
  return copy
}

test('an encrypted key comes back with its passphrase', async () => {
  const read = await readSecretKey(`${LOCKED}.key`, () => 'correct horse')
  assert.equal(read.publicKey.id, key.publicKey.id)
  assert.deepEqual(read.sign(Buffer.from('x')), key.sign(Buffer.from('x')))
  assert.equal(readFileSync(`${LOCKED}.key`, 'utf8').includes(key.copySeed().toString('base64')), false)
})

test('one passphrase typed on two keyboards is one passphrase', async () => {
  const prefix = join(top, 'unicode')
  await writeKeyFiles(prefix, key, { passphrase: 'caf\u00e9', comment: '' })
  assert.ok(await readSecretKey(`${prefix}.key`, () => 'cafe\u0301'))
})

test('a wrong, missing or empty passphrase opens nothing', async () => {
  await assert.rejects(
    readSecretKey(`${LOCKED}.key`, () => 'wrong'),
    { code: 'PASSPHRASE_WRONG' },
  )
  await assert.rejects(
    readSecretKey(`${LOCKED}.key`, () => null),
    { code: 'PASSPHRASE_NEEDED' },
  )
  await assert.rejects(
    readSecretKey(`${LOCKED}.key`, () => ''),
    { code: 'PASSPHRASE_NEEDED' },
  )
  await assert.rejects(writeKeyFiles(join(top, 'e'), key, { passphrase: '', comment: '' }), {
    code: 'PASSPHRASE_NEEDED',
  })
  assert.equal(
    readdirSync(top).some((name) => name.startsWith('e.')),
    false,
  )
})

test('a key without a passphrase says so in the file, and asks for none', async () => {
  assert.match(readFileSync(`${BARE}.key`, 'utf8'), /NOT ENCRYPTED/)
  assert.equal((await readSecretKey(`${BARE}.key`, never)).publicKey.id, key.publicKey.id)
})

test('secret files are for their owner alone, whatever the umask', () => {
  const before = process.umask(0)
  process.umask(before)
  assert.equal(statSync(`${LOCKED}.key`).mode & 0o777, 0o600)
  assert.equal(statSync(`${LOCKED}.pub`).mode & 0o777, 0o644)
})

test('nothing is written over, and a half-written pair is taken back', async () => {
  await assert.rejects(writeKeyFiles(LOCKED, key, { passphrase: null, comment: '' }), { code: 'FILE_EXISTS' })
  const prefix = join(top, 'half')
  writeFileSync(`${prefix}.key`, 'mine')
  await assert.rejects(writeKeyFiles(prefix, key, { passphrase: null, comment: '' }), { code: 'FILE_EXISTS' })
  assert.deepEqual(
    readdirSync(top).filter((name) => name.startsWith('half')),
    ['half.key'],
  )
  symlinkSync(join(top, 'elsewhere'), join(top, 'dangling.key'))
  await assert.rejects(writeKeyFiles(join(top, 'dangling'), key, { passphrase: null, comment: '' }), {
    code: 'FILE_EXISTS',
  })
  await assert.rejects(writeKeyFiles(join(top, 'no/such/folder'), key, { passphrase: null, comment: '' }), {
    code: 'FILE_UNREADABLE',
  })
})

test('refuses secret files that others can read, links, and what is no file', async () => {
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o610]) {
    const copy = changedCopy(BARE, ['version'], 1)
    chmodSync(copy, mode)
    await assert.rejects(readSecretKey(copy, never), { code: 'KEY_FILE_INVALID', message: /expected mode 0600/ })
  }
  symlinkSync(`${BARE}.key`, join(top, 'link.key'))
  await assert.rejects(readSecretKey(join(top, 'link.key'), never), {
    code: 'FILE_UNREADABLE',
    message: /symbolic link/,
  })
  await assert.rejects(readSecretKey(join(top, 'missing.key'), never), { code: 'FILE_UNREADABLE' })
  mkdirSync(join(top, 'folder.key'))
  await assert.rejects(readSecretKey(join(top, 'folder.key'), never), { code: 'FILE_UNREADABLE' })
  await assert.rejects(readSecretKey('/dev/null', never), { code: 'FILE_UNREADABLE' })
})

test('refuses a secret file of another user', { skip: process.geteuid?.() === 0 ? false : 'needs root' }, async () => {
  const copy = changedCopy(BARE, ['version'], 1)
  chownSync(copy, 4242, 4242)
  await assert.rejects(readSecretKey(copy, never), { code: 'KEY_FILE_INVALID', message: /user 4242/ })
})

test('refuses key files that are damaged, swapped, or of another kind', async () => {
  const other = await generateKey()
  const changes: readonly [readonly string[], Json | undefined][] = [
    [['keyId'], other.publicKey.id],
    [['keyId'], 'x'],
    [['type'], 'x'],
    [['version'], 2],
    [['extra'], 1],
    [['secret'], 'AAAA'],
    [['secret'], undefined],
    [['encryption'], 'rot13'],
    [['encryption'], undefined],
  ]
  for (const [path, value] of changes) {
    const copy = changedCopy(BARE, path, value)
    await assert.rejects(readSecretKey(copy, never), { code: 'KEY_FILE_INVALID' }, String(path))
  }
  await assert.rejects(readSecretKey(changedCopy(LOCKED, ['encryption'], 'none'), never), { code: 'KEY_FILE_INVALID' })
  writeFileSync(join(top, 'junk.key'), Buffer.alloc(20_000), { mode: 0o600 })
  await assert.rejects(readSecretKey(join(top, 'junk.key'), never), { code: 'KEY_FILE_INVALID', message: /at most/ })
})

test('a hostile key file cannot ask for all memory, or for hardly any work', async () => {
  for (const scrypt of [{ N: 2 ** 30 }, { N: 2 ** 17 + 1 }, { N: 2 }, { r: 1000 }, { p: 100 }, { N: -1 }]) {
    for (const [name, value] of Object.entries(scrypt)) {
      const copy = changedCopy(LOCKED, ['scrypt', name], value)
      await assert.rejects(readSecretKey(copy, never), { code: 'KEY_FILE_INVALID' }, name)
    }
  }
})

test('a bit changed in the encrypted key is a passphrase that does not fit', async () => {
  const text = JSON.parse(readFileSync(`${LOCKED}.key`, 'utf8')) as { secret: string }
  const box = Buffer.from(text.secret, 'base64')
  box[20] = (box[20] ?? 0) ^ 1
  const copy = changedCopy(LOCKED, ['secret'], box.toString('base64'))
  await assert.rejects(
    readSecretKey(copy, () => 'correct horse'),
    { code: 'PASSPHRASE_WRONG' },
  )
})

test('a public key file is one line, and a comment that may be anything printable', () => {
  const { publicKey, comment } = readPublicKey(`${LOCKED}.pub`)
  assert.equal(publicKey.id, key.publicKey.id)
  assert.equal(comment, 'Acme releases')
  assert.equal(readPublicKey(`${BARE}.pub`).comment, null)
  const hostile = formatPublicKey(key.publicKey, 'a\nb\u001b[2J\u202e').toString()
  assert.equal(hostile.split('\n').length, 3)
  assert.equal(parsePublicKey(Buffer.from(hostile), 'x').publicKey.id, key.publicKey.id)
})

test('refuses public keys that are none, small, or secret', () => {
  const line = (raw: Buffer) => Buffer.from(`ed25519 ${raw.toString('base64')} x\n`)
  for (const raw of allSmallOrderEncodings()) {
    assert.throws(() => parsePublicKey(line(raw), 'x'), { code: 'KEY_FILE_INVALID', message: /small order|canonical/ })
  }
  const good = line(key.publicKey.raw).toString()
  const bad = ['', '# only a comment\n', good + good, good.replace('ed25519', 'rsa'), good.replace('=', ''), ` ${good}`]
  for (const text of [...bad, good.replace(' x', ' \u001b'), readFileSync(`${BARE}.key`, 'utf8')]) {
    assert.throws(() => parsePublicKey(Buffer.from(text), 'x'), { code: 'KEY_FILE_INVALID' }, text)
  }
  assert.throws(() => readPublicKey(join(top, 'missing.pub')), { code: 'FILE_UNREADABLE' })
})
