import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, type Household, household } from '../../manager/household.ts'
import { nodeSpeaker } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** What a plugin does in the sandbox in which its compiled code is made: `folder` is where Node collects that. */
const making = (body: string) =>
  nodeSpeaker(`
import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { serve } from './plugin.js'
const folder = process.env.NODE_COMPILE_CACHE
const nonce = process.execArgv.join(' ').match(/[0-9a-f]{32}/)?.[0]
if (nonce !== undefined) {
  ${body}
}
await serve({ echo: (params) => params })
`)

const kept = (house: Household) =>
  globSync(join(house.layout.plugins, '*/*/*/compile-cache/**'), { withFileTypes: true })

const ATTACKS = {
  'files without end':
    "mkdirSync(folder + '/many'); for (let i = 0; i < 3_000; i++) writeFileSync(folder + '/many/' + i, 'x')",
  'more bytes than there may be':
    "mkdirSync(folder + '/much'); for (let i = 0; i < 20; i++) writeFileSync(folder + '/much/' + i, Buffer.alloc(2 ** 21))",
  'a name that leads elsewhere':
    "writeSync(1, '\\u0000compiled ' + nonce + ' 1 ../escape\\nx\\u0000compiled ' + nonce + ' end\\n'); process.kill(process.pid, 'SIGKILL')",
  'a name of a folder above':
    "writeSync(1, '\\u0000compiled ' + nonce + ' 1 ./escape\\nx\\u0000compiled ' + nonce + ' end\\n'); process.reallyExit(0)",
  'a size that there is not': "writeSync(1, '\\u0000compiled ' + nonce + ' 999999999 a/b\\nx'); process.reallyExit(0)",
}

for (const [what, body] of Object.entries(ATTACKS)) {
  test(`a plugin that gives ${what} for its compiled code has none kept`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(making(body))
    await using plugin = await house.manager.load(HELLO)
    const made = () => house.manager.history(HELLO, 9).some(({ outcome }) => outcome !== null)
    for (let tries = 0; !made(); tries++) {
      assert.ok(tries < 2_000, 'the run that makes it has not ended')
      await sleep(25)
    }
    await sleep(100)
    assert.deepEqual(await plugin.call('echo', [1]), [1])
    assert.equal(house.manager.audit(HELLO, 50).filter(({ kind }) => kind === 'compile-cache-made').length, 0)
    const left = kept(house).filter((entry) => entry.isFile())
    assert.deepEqual(
      left.map(({ name }) => name),
      [],
    )
    assert.deepEqual(globSync(join(house.layout.home, '**/escape')), [])
  })
}
