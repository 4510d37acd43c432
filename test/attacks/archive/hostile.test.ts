import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { ARCHIVE_BOUNDS } from '../../../src/core/archive.ts'
import { readArchive } from '../../../src/core/archive-reader.ts'
import { PluginError } from '../../../src/core/errors.ts'
import { Layout } from '../../../src/core/layout.ts'
import { fetchTarball } from '../../../src/registry/index.ts'
import { Trees } from '../../../src/store/trees.ts'
import { HOSTILE_ARCHIVES, type HostileArchive } from '../../helpers/hostile-archive.ts'
import { unpackable } from '../../helpers/unpackable.ts'

let outside: string
let home: string

before(() => {
  outside = mkdtempSync(join(tmpdir(), 'bulkhead-outside-'))
  home = join(outside, 'home')
  mkdirSync(home)
  writeFileSync(join(outside, 'canary'), 'alive')
})
after(() => rmSync(outside, { recursive: true, force: true }))

/** All that stands between a tarball and the disk, as an install goes through it. */
async function install(tarball: string, bounds: HostileArchive['bounds']): Promise<void> {
  const staged = await fetchTarball(tarball)
  const release = unpackable(readArchive(staged.bytes, { ...ARCHIVE_BOUNDS, ...bounds }), staged)
  const trees = new Trees({ layout: new Layout(home) })
  await trees.promote(await trees.unpack(release), {
    name: release.manifest.name,
    version: '1.0.0',
    digest: staged.sha256,
  })
}

suite('a hostile archive is refused, and nothing of it reaches the disk', () => {
  for (const [name, attack] of Object.entries<HostileArchive>(HOSTILE_ARCHIVES)) {
    test(name, async () => {
      const tarball = join(outside, 'attack.tgz')
      writeFileSync(tarball, attack.bytes())

      await assert.rejects(install(tarball, attack.bounds), (error) => {
        assert.ok(error instanceof PluginError, String(error))
        assert.equal(error.code, attack.code, error.message)
        assert.match(error.message, attack.says)
        assert.match(error.message, /^cannot /)
        assert.doesNotMatch(error.message, /[\p{Cc}\p{Bidi_Control}\u2028]/u, 'a name in a message must not act')
        return true
      })

      assert.deepEqual(readdirSync(outside).sort(), ['attack.tgz', 'canary', 'home'])
      assert.equal(readFileSync(join(outside, 'canary'), 'utf8'), 'alive')
      assert.deepEqual(readdirSync(home), [], 'no staging, no plugin')
      assert.ok(!existsSync('/tmp/evil'))
    })
  }
})

test('the catalogue of attacks is as long as the list of known ones', () => {
  assert.ok(Object.keys(HOSTILE_ARCHIVES).length >= 150, `${Object.keys(HOSTILE_ARCHIVES).length} attacks`)
})
