import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { ARCHIVE_BOUNDS } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { Layout, packageOf } from '../../src/core/layout.ts'
import { Trees } from '../../src/store/trees.ts'
import { tarOf } from '../helpers/hostile-archive.ts'
import { signedFilesOf } from '../helpers/unpackable.ts'

const TRIES = 30

test('killed at any moment of an install or a removal, a release is whole or not there', async () => {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-crash-'))
  const tgz = gzipSync(tarOf(...Array.from({ length: 100 }, (_, at) => ({ name: `d${at % 7}/f${at}`, body: `${at}` }))))
  const tarball = join(home, 'x.tgz')
  writeFileSync(tarball, tgz)
  const at = (path: string) => JSON.stringify(join(process.cwd(), path))
  const script = `
    import { ARCHIVE_BOUNDS } from ${at('src/core/archive.ts')}
    import { readArchive } from ${at('src/core/archive-reader.ts')}
    import { Layout } from ${at('src/core/layout.ts')}
    import { fetchTarball } from ${at('src/registry/index.ts')}
    import { Trees } from ${at('src/store/trees.ts')}
    import { unpackable } from ${at('test/helpers/unpackable.ts')}
    const staged = await fetchTarball(${JSON.stringify(tarball)})
    const release = unpackable(readArchive(staged.bytes, ARCHIVE_BOUNDS), staged)
    const trees = new Trees({ layout: new Layout(${JSON.stringify(join(home, 'home'))}) })
    const name = { name: 'acme/crash', version: '1.0.0', digest: staged.sha256 }
    console.log('ready')
    for (;;) {
      await trees.promote(await trees.unpack(release), name)
      await trees.remove(name)
    }`
  const trees = new Trees({ layout: new Layout(join(home, 'home')) })
  const files = signedFilesOf(readArchive(tgz, ARCHIVE_BOUNDS))
  const seen = { whole: 0, absent: 0, staged: 0 }

  for (let round = 0; round < TRIES; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    const isReady = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)])
    assert.ok(isReady, 'it ended before it began')
    // Steps spread over the work, not chance: each round strikes a little later.
    await sleep(10 + round * 6)
    child.kill('SIGKILL')
    await ended

    // Killed before its first step, it has not even made the folder.
    const staged = () => (existsSync(join(home, 'home/staging')) ? readdirSync(join(home, 'home/staging')) : [])
    if (staged().length > 0) seen.staged++
    await trees.sweepStaging()
    assert.deepEqual(staged(), [])
    const plugin = join(home, 'home/plugins/acme/crash')
    const [release] = existsSync(plugin) ? readdirSync(plugin) : []
    if (release === undefined) {
      seen.absent++
      continue
    }
    const { modified, missing, extra } = await trees.check(packageOf(join(plugin, release)), files, null)
    assert.deepEqual([...modified, ...missing, ...extra], [])
    seen.whole++
  }
  assert.ok(seen.staged > 0, `no kill struck in the middle: ${JSON.stringify(seen)}`)
  rmSync(home, { recursive: true, force: true })
})
