import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Layout, packageOf } from '../../src/core/layout.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import { type TreeCheck, Trees } from '../../src/store/trees.ts'

import { filesOf, houseOfEach, LARGE, LAUNCHER, MAIN, releaseOf, sealerOfAll } from './trees-house.ts'

const house = houseOfEach()
const sealer = sealerOfAll()

suite('the seal', () => {
  let release: VerifiedRelease
  let packageDir: string
  beforeEach(async () => {
    release = releaseOf(LARGE)
    house.trees = new Trees({ layout: new Layout(house.home), sealer: sealer.program })
    packageDir = packageOf(await house.install(release))
  })
  const check = (seal: Uint8Array | null, options = {}) =>
    house.trees.check(packageDir, filesOf(release), seal, options)
  const isClean = ({ modified, missing, extra }: TreeCheck) => modified.length + missing.length + extra.length === 0

  test('is made by the first check that hashed everything, and then holds', async () => {
    await sleep(30)
    const first = await check(null)
    assert.ok(isClean(first) && first.seal !== null)
    const second = await check(first.seal)
    assert.ok(isClean(second))
    assert.equal(second.seal, null, 'nothing new to keep')
  })

  test('is made anew when only records changed, not content', async () => {
    const seal = await house.trees.seal(packageDir, filesOf(release))
    await sleep(5)
    utimesSync(join(packageDir, 'main.js'), 1, 1)
    await sleep(30)
    const { seal: fresh, ...found } = await check(seal)
    assert.ok(isClean({ ...found, seal: null }) && fresh !== null)
    assert.equal((await check(fresh)).seal, null)
  })

  test('is not trusted by a thorough check', async () => {
    const seal = await house.trees.seal(packageDir, filesOf(release))
    const path = join(packageDir, 'main.js')
    await sleep(5)
    writeFileSync(path, MAIN.replace('hello', 'jello'))
    await sleep(30)
    // Whoever could also change the database would put the new walk there: that is what the seal trusts.
    const forged = execFileSync(sealer.program, ['--seal', packageDir])
    assert.ok(isClean(await check(forged)))
    assert.deepEqual((await check(forged, { thorough: true })).modified, ['main.js'])
    assert.deepEqual((await check(seal)).modified, ['main.js'])
  })

  test('of another tree, or of nothing, is no excuse: the signed list is compared too', async () => {
    const seal = await house.trees.seal(packageDir, filesOf(release))
    await sleep(5)
    writeFileSync(join(packageDir, 'extra.js'), '')
    rmSync(join(packageDir, 'empty.txt'))
    await sleep(30)
    const forged = execFileSync(sealer.program, ['--seal', packageDir])
    for (const kept of [forged, seal, Buffer.alloc(0), Buffer.from('nonsense'), Buffer.from('a\0f 1 2\n')]) {
      const { modified, missing, extra, seal: fresh } = await check(kept)
      assert.deepEqual({ modified, missing, extra }, { modified: [], missing: ['empty.txt'], extra: ['extra.js'] })
      assert.equal(fresh, null)
    }
  })

  test('is not made from a walk within a clock tick of a change', async () => {
    const path = join(packageDir, 'main.js')
    writeFileSync(path, MAIN)
    const { seal } = await check(null)
    // Either the walk came a tick later than the write, or there is no seal to keep.
    if (seal !== null) {
      const text = seal.toString('latin1')
      const ctimeMs = Number(/main\.js\0f \d+ \d+ \d+ \d+ \d+ (\d+)/.exec(text)?.[1]) / 1e6
      assert.ok(Date.now() - ctimeMs > 20)
    }
  })

  test('that cannot be made means that everything is hashed', async () => {
    for (const broken of ['/nowhere/launcher', '/bin/false', '/bin/true', '/bin/echo']) {
      house.trees = new Trees({ layout: new Layout(house.home), sealer: broken })
      assert.equal(await house.trees.seal(packageDir, filesOf(release)), null)
      const clean = await check(Buffer.from('x'))
      assert.ok(isClean(clean) && clean.seal === null)
    }
    writeFileSync(join(packageDir, 'main.js'), 'x')
    assert.deepEqual((await check(null)).modified, ['main.js'])
  })

  test('is not asked for in small trees', async () => {
    const small = releaseOf()
    const path = packageOf(await house.install(small))
    const calls = () => statSync(join(sealer.folder, 'calls'), { throwIfNoEntry: false })?.size ?? 0
    const before = calls()
    assert.equal(await house.trees.seal(path, filesOf(small)), null)
    assert.equal((await house.trees.check(path, filesOf(small), null)).seal, null)
    assert.equal(calls(), before)
  })

  test('of the launcher itself reads the same', { skip: launcherMissing() }, async () => {
    house.trees = new Trees({ layout: new Layout(house.home), sealer: LAUNCHER })
    const seal = await house.trees.seal(packageDir, filesOf(release))
    assert.ok(seal !== null)
    assert.equal(seal.toString('latin1'), execFileSync(sealer.program, ['--seal', packageDir], { encoding: 'latin1' }))
    assert.ok(isClean(await check(seal)))
    await sleep(5)
    writeFileSync(join(packageDir, 'many/3/f3.txt'), 'FILE 3')
    assert.deepEqual((await check(seal)).modified, ['many/3/f3.txt'])
  })
})

function launcherMissing(): string | false {
  return spawnSync(LAUNCHER, ['--seal', '/usr/bin']).status === 0 ? false : 'the launcher is not built'
}
