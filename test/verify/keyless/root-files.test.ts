import assert from 'node:assert/strict'
import {
  chmodSync,
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
import { packagedRoot, RootFiles } from '../../../src/verify/keyless/root-files.ts'
import { Forge } from '../../helpers/forge.ts'

const top = mkdtempSync('/tmp/bulkhead-roots-')
after(() => rmSync(top, { recursive: true }))
const self = process.geteuid?.() ?? 0
let homes = 0
function home(): { folder: string; roots: RootFiles } {
  const folder = join(top, `home-${homes++}`, 'roots')
  return { folder, roots: new RootFiles(folder, packagedRoot(), self) }
}
const file = join(top, 'private.json')
const bytes = Buffer.from(JSON.stringify(new Forge().trustedRoot))
writeFileSync(file, bytes)

test('knows the public-good root from the start, and no other', () => {
  const { roots } = home()
  assert.equal(roots.find('public-good').logs[0]?.host, 'rekor.sigstore.dev')
  assert.deepEqual(
    roots.list().map(({ root, source }) => [root.name, source]),
    [['public-good', 'package']],
  )
  assert.throws(() => roots.find('private'), { code: 'ROOT_NOT_FOUND', exitCode: 4 })
})

test('finds the packaged root from wherever the program was built to, and never above its package', () => {
  for (const place of ['src/verify/keyless', 'dist/js', '.']) {
    assert.equal(packagedRoot(join(import.meta.dirname, '../../..', place)), packagedRoot())
  }
  const inside = join(top, 'node_modules', 'p', 'dist', 'js')
  mkdirSync(inside, { recursive: true })
  writeFileSync(join(top, 'node_modules', 'p', 'package.json'), '{}')
  assert.equal(packagedRoot(inside), join(top, 'node_modules/p/keys/public-good.trusted_root.json'))
})

test('adds a root, readable by all and writable by one, replaces it, and takes it away again', async () => {
  const { folder, roots } = home()
  await roots.add(file, 'private')
  assert.ok(readFileSync(join(folder, 'private.json')).equals(bytes))
  assert.equal(statSync(join(folder, 'private.json')).mode & 0o777, 0o644)
  assert.equal(roots.find('private').name, 'private')
  await roots.add(file, 'private')
  assert.deepEqual(
    roots.list().map(({ root, source }) => [root.name, source]),
    [
      ['private', 'home'],
      ['public-good', 'package'],
    ],
  )
  await roots.remove('private')
  assert.throws(() => roots.find('private'), { code: 'ROOT_NOT_FOUND' })
  await assert.rejects(roots.remove('private'), { code: 'ROOT_NOT_FOUND' })
  assert.deepEqual(readdirSync(folder), [])
})

test('lets the home override the packaged root, and gives it back', async () => {
  const { roots } = home()
  await assert.rejects(roots.remove('public-good'), { code: 'ROOT_NOT_FOUND' })
  await roots.add(file, 'public-good')
  assert.equal(roots.find('public-good').logs[0]?.host, 'log.forge.test')
  await roots.remove('public-good')
  assert.equal(roots.find('public-good').logs[0]?.host, 'rekor.sigstore.dev')
})

test('takes no root that cannot be read, and leaves the old one where it is', async () => {
  const { folder, roots } = home()
  await roots.add(file, 'private')
  const broken = join(top, 'broken.json')
  writeFileSync(broken, '{"mediaType":"x"}')
  await assert.rejects(roots.add(broken, 'private'), { code: 'ROOT_INVALID' })
  writeFileSync(broken, Buffer.alloc(2 ** 20 + 1, 0x20))
  await assert.rejects(roots.add(broken, 'private'), { code: 'ROOT_INVALID' })
  await assert.rejects(roots.add(join(top, 'nowhere'), 'private'), { code: 'FILE_UNREADABLE' })
  await assert.rejects(roots.add(top, 'private'), { code: 'FILE_UNREADABLE' })
  assert.ok(readFileSync(join(folder, 'private.json')).equals(bytes))
})

test('takes no name that is a path, and finds none', async () => {
  const { roots } = home()
  for (const name of ['', '.', '..', '../x', 'a/b', 'A', '-a', 'a.b', 'x'.repeat(64), 'a\0', '__proto__']) {
    await assert.rejects(roots.add(file, name), { code: 'USAGE' })
    assert.throws(() => roots.find(name), { code: 'ROOT_NOT_FOUND' })
    await assert.rejects(roots.remove(name), { code: 'ROOT_NOT_FOUND' })
  }
})

test('a root that others could write, or that is a link, is an error and never a gap', async () => {
  const { folder, roots } = home()
  await roots.add(file, 'private')
  chmodSync(join(folder, 'private.json'), 0o666)
  assert.throws(() => roots.find('private'), { code: 'POLICY_UNSAFE' })
  assert.throws(() => roots.list(), { code: 'POLICY_UNSAFE' })
  await assert.rejects(roots.add(file, 'private'), { code: 'POLICY_UNSAFE' })
  rmSync(join(folder, 'private.json'))
  symlinkSync(file, join(folder, 'public-good.json'))
  assert.throws(() => roots.find('public-good'), { code: 'POLICY_UNSAFE' })
  rmSync(join(folder, 'public-good.json'))
  chmodSync(folder, 0o777)
  assert.throws(() => roots.find('public-good'), { code: 'POLICY_UNSAFE' })
})

test('a damaged file of the home does not fall back to the packaged root', () => {
  const { folder, roots } = home()
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  writeFileSync(join(folder, 'public-good.json'), '{', { mode: 0o644 })
  assert.throws(() => roots.find('public-good'), { code: 'ROOT_INVALID' })
})
