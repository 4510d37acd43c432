import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { ARCHIVE_BOUNDS, type Archive, type StagedTarball } from '../../../src/core/archive.ts'
import { readArchive, scanArchive } from '../../../src/core/archive-reader.ts'
import { sha256, sha512 } from '../../../src/core/digest.ts'
import { PluginError } from '../../../src/core/errors.ts'
import { Layout } from '../../../src/core/layout.ts'
import { parseManifest } from '../../../src/core/manifest-parser.ts'
import { Trees } from '../../../src/store/trees.ts'
import { resum } from '../../fuzz/tar-mutations.ts'
import { bare, END, MANIFEST, manifestPart, paxRecord, type TarPart, tarPart } from '../../helpers/hostile-archive.ts'
import { signedFilesOf, unpackable } from '../../helpers/unpackable.ts'

let outside: string
let home: string

before(() => {
  outside = mkdtempSync(join(tmpdir(), 'bulkhead-mutations-'))
  home = join(outside, 'home')
  mkdirSync(home)
})
after(() => rmSync(outside, { recursive: true, force: true }))

/** Archive or refusal; anything else, a TypeError above all, is a hole. */
function scanned(tar: Buffer): Archive | null {
  try {
    return scanArchive(tar, ARCHIVE_BOUNDS)
  } catch (error) {
    assert.ok(error instanceof PluginError && error.code.startsWith('ARCHIVE_'), String(error))
    return null
  }
}

/** Unpacks what was accepted and looks where everything went. */
async function assertContained(archive: Archive): Promise<void> {
  const bytes = gzipSync(archive.tar)
  const tarball: StagedTarball = { source: 'x.tgz', bytes, sha256: sha256(bytes), sha512: sha512(bytes), bundle: null }
  const release = unpackable(archive, tarball, signedFilesOf(archive), parseManifest(Buffer.from(MANIFEST)))
  const trees = new Trees({ layout: new Layout(home) })
  try {
    const tree = await trees.unpack(release)
    const { modified, missing, extra } = await trees.check(tree.packageDir, signedFilesOf(archive), null)
    assert.deepEqual([...modified, ...missing, ...extra], [])
    for (const entry of readdirSync(tree.packageDir, { recursive: true, withFileTypes: true })) {
      const stats = lstatSync(join(entry.parentPath, entry.name))
      assert.ok(stats.isFile() || stats.isDirectory())
      assert.equal(stats.mode & 0o7022, 0)
    }
    await trees.discard(tree)
  } catch (error) {
    // The second reader may refuse what the first let through; that is what it is for.
    if (!(error instanceof PluginError && error.code === 'ARCHIVE_MALFORMED')) throw error
  }
  assert.deepEqual(readdirSync(join(home, 'staging')), [])
  assert.deepEqual(readdirSync(outside), ['home'])
  assert.deepEqual(readdirSync(home), ['staging'])
}

const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc
    .array(fc.constantFrom('a', 'B', '..', '.', '', 'plugin.json', 'package'), { maxLength: 5 })
    .map((s) => s.join('/')),
)
const field = fc.oneof(fc.constantFrom('00000000010\0', '0000644\0', '', '-1', '\x80\0\0\0\0\0\0\x01'), fc.string())
const part: fc.Arbitrary<TarPart> = fc.record(
  {
    name,
    type: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('0', '5', 'x', 'L', 'g') },
      { weight: 1, arbitrary: fc.string({ maxLength: 1 }) },
    ),
    body: fc.oneof(
      fc.string(),
      name.map((path) => paxRecord('path', path)),
      fc.tuple(fc.string(), fc.string()).map(([key, value]) => paxRecord(key, value)),
    ),
    mode: fc.oneof(fc.integer({ min: 0, max: 0o7777777 }), fc.string({ maxLength: 8 })),
    size: field,
    link: fc.string(),
    prefix: name,
    magic: fc.constantFrom('ustar', 'gnu', 'v7', 'nonsense'),
    checksumOff: fc.constantFrom(0, 0, 0, 1),
  },
  { requiredKeys: ['name'] },
)

test('random headers are an archive or a refusal, never a crash', () => {
  let accepted = 0
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.boolean(), (parts, isEnded) => {
      if (scanned(bare(manifestPart(), ...parts, isEnded ? END : Buffer.alloc(0))) !== null) accepted++
    }),
    { numRuns: 5000 },
  )
  assert.ok(accepted > 50, `only ${accepted} accepted: the generator says nothing about what is let through`)
})

test('random bytes are a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => {
      assert.equal(scanned(Buffer.from(bytes)), null)
      assert.throws(() => readArchive(Buffer.from(bytes), ARCHIVE_BOUNDS), { code: 'ARCHIVE_MALFORMED' })
    }),
    { numRuns: 2000 },
  )
})

test('whatever is made of a good archive, nothing is written outside its staging', async () => {
  const good = bare(
    manifestPart(),
    { name: 'main.js', body: 'console.log(1)\n', mode: 0o755 },
    { name: 'lib/', type: '5', mode: 0o755 },
    { name: 'lib/a.txt', body: 'a'.repeat(700) },
    END,
  )
  const headers = [0, 1024, 2048, 2560]
  const change = fc.tuple(
    fc.constantFrom(...headers),
    fc.integer({ min: 0, max: 511 }),
    fc.integer({ min: 0, max: 255 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), async (changes, isResummed) => {
      const tar = Buffer.from(good)
      for (const [start, offset, value] of changes) tar[start + offset] = value
      if (isResummed) for (const start of headers) resum(tar, start)
      const archive = scanned(tar)
      if (archive !== null) await assertContained(archive)
    }),
    { numRuns: 3000 },
  )
})

test('random archives that are let through unpack to exactly their signed list', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      const archive = scanned(bare(manifestPart(), ...parts, END))
      if (archive !== null) await assertContained(archive)
    }),
    { numRuns: 1000 },
  )
})

test('the helper writes headers that hold', () => {
  assert.ok(scanned(bare(manifestPart(), tarPart({ name: 'a' }), END)) !== null)
})
