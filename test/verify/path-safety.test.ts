import assert from 'node:assert/strict'
import { chmodSync, chownSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { assertSafePath, type PathStep, pathDanger } from '../../src/verify/path-safety.ts'
import { readSafeFile } from '../../src/verify/safe-file.ts'

const ME = 1000
const folder = (path: string, uid = 0, mode = 0o755): PathStep => ({ path, kind: 'folder', uid, mode })
const file = (path: string, uid = 0, mode = 0o644): PathStep => ({ path, kind: 'file', uid, mode })
const danger = (uid: number, ...steps: PathStep[]) => pathDanger(steps, uid)?.reason ?? null

test('root trusts what is root’s alone', () => {
  assert.equal(danger(0, folder('/'), folder('/var'), file('/var/t')), null)
  assert.match(danger(0, folder('/'), folder('/var', ME), file('/var/t')) ?? '', /belongs to user 1000, expected root/)
  assert.match(danger(0, folder('/'), folder('/var'), file('/var/t', ME)) ?? '', /belongs to user 1000/)
})

test('a user trusts root and themselves, nobody else', () => {
  const home = [folder('/'), folder('/home')]
  assert.equal(danger(ME, ...home, folder('/home/me', ME, 0o700), file('/home/me/t', ME)), null)
  assert.equal(danger(ME, ...home, folder('/home/me', ME, 0o700), file('/home/me/t', 0)), null)
  assert.match(danger(ME, ...home, folder('/home/me', 1001), file('/home/me/t', ME)) ?? '', /belongs to user 1001/)
})

test('nothing on the way may be writable by a group or by everybody', () => {
  for (const mode of [0o775, 0o757, 0o777, 0o720, 0o702]) {
    assert.match(danger(0, folder('/'), folder('/x', 0, mode), file('/x/t')) ?? '', /is writable by/)
    assert.match(danger(0, folder('/', 0, mode), folder('/x'), file('/x/t')) ?? '', /is writable by/)
  }
  for (const mode of [0o664, 0o646, 0o666]) {
    assert.match(danger(0, folder('/'), folder('/x'), file('/x/t', 0, mode)) ?? '', /is writable by/)
  }
})

test('a sticky folder for all is good on the way to a folder of ours, and no place for the file itself', () => {
  const tmp = folder('/tmp', 0, 0o1777)
  assert.equal(danger(ME, folder('/'), tmp, folder('/tmp/h', ME, 0o700), file('/tmp/h/t', ME)), null)
  assert.match(danger(ME, folder('/'), tmp, folder('/tmp/h', 1001, 0o700), file('/tmp/h/t', ME)) ?? '', /belongs to/)
  assert.match(danger(ME, folder('/'), tmp, file('/tmp/t', ME)) ?? '', /is writable by everybody/)
  assert.match(
    danger(ME, folder('/'), folder('/tmp', 1001, 0o1777), folder('/tmp/h', ME), file('/tmp/h/t')) ?? '',
    /1001/,
  )
})

test('links and other things are refused wherever they stand', () => {
  const link: PathStep = { path: '/var', kind: 'link', uid: 0, mode: 0o777 }
  assert.match(danger(0, folder('/'), link, file('/var/t')) ?? '', /symbolic link/)
  assert.match(danger(0, folder('/'), { ...link, path: '/t' }) ?? '', /symbolic link/)
  assert.match(danger(0, folder('/'), { path: '/t', kind: 'other', uid: 0, mode: 0o600 }) ?? '', /not a regular file/)
  assert.match(danger(0, folder('/'), folder('/t')) ?? '', /not a regular file/)
  assert.match(danger(0, folder('/'), file('/x'), file('/x/t')) ?? '', /not a folder/)
})

const home = mkdtempSync('/tmp/bulkhead-safety-')
after(() => rmSync(home, { recursive: true }))
const self = process.geteuid?.() ?? 0
const unsafe = { code: 'POLICY_UNSAFE', exitCode: 3 }

test('reads a file of ours, and knows one that is not there', () => {
  writeFileSync(join(home, 'good.json'), '{}', { mode: 0o644 })
  assert.equal(readSafeFile(join(home, 'good.json'), self, 100)?.toString(), '{}')
  assert.equal(readSafeFile(join(home, 'missing.json'), self, 100), null)
  assert.equal(readSafeFile(join(home, 'a', 'b', 'missing.json'), self, 100), null)
  assert.equal(readSafeFile(`/tmp/bulkhead-nowhere-${process.pid}/trust.json`, self, 100), null)
})

test('refuses the same file once others could write it or its folder', () => {
  const dir = join(home, 'open')
  mkdirSync(dir)
  const path = join(dir, 'trust.json')
  writeFileSync(path, '{}')
  assert.ok(assertSafePath(path, self))
  chmodSync(path, 0o666)
  assert.throws(() => assertSafePath(path, self), { ...unsafe, hint: `chmod go-w ${path}` })
  chmodSync(path, 0o644)
  chmodSync(dir, 0o777)
  assert.throws(() => assertSafePath(path, self), { ...unsafe, hint: `chmod go-w ${dir}` })
  chmodSync(dir, 0o1777)
  assert.throws(() => assertSafePath(path, self), unsafe)
  assert.throws(() => assertSafePath(join(dir, 'missing.json'), self), unsafe)
})

test('refuses a link as file and as folder, and says which step it is', () => {
  mkdirSync(join(home, 'real'))
  writeFileSync(join(home, 'real', 'trust.json'), '{}')
  symlinkSync(join(home, 'real'), join(home, 'linked'))
  symlinkSync(join(home, 'real', 'trust.json'), join(home, 'link.json'))
  assert.throws(() => readSafeFile(join(home, 'linked', 'trust.json'), self, 100), {
    ...unsafe,
    message: new RegExp(`${join(home, 'linked')} is a symbolic link`),
  })
  assert.throws(() => readSafeFile(join(home, 'link.json'), self, 100), unsafe)
  // A hard link of ours in a folder of ours is a file of ours.
  linkSync(join(home, 'real', 'trust.json'), join(home, 'hard.json'))
  assert.ok(readSafeFile(join(home, 'hard.json'), self, 100))
})

test('refuses a folder and a file of somebody else', {
  skip: self === 0 ? false : 'only root can give files away',
}, () => {
  const dir = join(home, 'theirs')
  mkdirSync(dir)
  writeFileSync(join(dir, 'trust.json'), '{}')
  chownSync(join(dir, 'trust.json'), 4242, 4242)
  assert.throws(() => readSafeFile(join(dir, 'trust.json'), 0, 100), { ...unsafe, message: /belongs to user 4242/ })
  assert.ok(readSafeFile(join(dir, 'trust.json'), 4242, 100))
  chownSync(dir, 4242, 4242)
  assert.throws(() => readSafeFile(join(dir, 'missing.json'), 0, 100), unsafe)
})

test('refuses more bytes than it was told to read', () => {
  writeFileSync(join(home, 'large.json'), Buffer.alloc(101))
  assert.throws(() => readSafeFile(join(home, 'large.json'), self, 100), { code: 'POLICY_INVALID' })
})
