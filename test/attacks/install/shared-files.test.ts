// An update takes files of the version before instead of writing them anew. What it takes is what was signed, whatever
// somebody puts in their places while it looks.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageOf } from '../../../src/core/layout.ts'
import { filesOf, houseOfEach, nameOf, releaseOf } from '../../store/trees-house.ts'

const house = houseOfEach()
const SIZE = 300_000
const GOOD = 'good'.repeat(SIZE / 4)
const first = releaseOf([{ name: 'main.js', body: GOOD }])
const second = releaseOf([
  { name: 'main.js', body: GOOD },
  { name: 'more.js', body: '' },
])
const beside = [{ ...nameOf(first), files: filesOf(first) }]

/** Exchanges a file, by a rename each, for one with other bytes of the same size, owner and mode, and back, until it is ended. */
function swapper(path: string) {
  const script = `
    import { renameSync, writeFileSync } from 'node:fs'
    const path = ${JSON.stringify(path)}
    console.log('ready')
    for (;;) for (const word of ['evil', 'good']) {
      writeFileSync(path + '.new', word.repeat(${SIZE / 4}))
      renameSync(path + '.new', path)
    }`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
}

test('a file exchanged again and again while an update takes it never gets in', async () => {
  const path = join(packageOf(await house.install(first)), 'main.js')
  const child = swapper(path)
  try {
    await once(child.stdout, 'data')
    const seen = { shared: 0, written: 0 }
    for (let round = 0; round < 80; round++) {
      const tree = await house.trees.unpack(second, { beside })
      assert.equal(readFileSync(join(tree.packageDir, 'main.js'), 'utf8') === GOOD, true, `round ${round}`)
      const { modified } = await house.trees.check(tree.packageDir, filesOf(second), null)
      assert.deepEqual(modified, [])
      if (tree.shared.files > 1) seen.shared++
      else seen.written++
      await house.trees.discard(tree)
    }
    assert.ok(seen.written > 0, 'it struck')
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
