import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WarmPool } from '../../../src/index.ts'
import { HELLO, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const program = (source: string, rest: object = {}) => ({
  files: {
    'main.py': source,
    'plugin.json': manifestOf({ entry: { runtime: 'python', path: 'main.py' }, ...rest }),
  },
})
const WAITS = program('import sys\nsys.stdin.readline()\n')
const TELLS = program('import json, os, sys\nsys.stdin.readline()\nprint(open(os.environ["PLUGIN_CONFIG"]).read())\n', {
  config: { key: { type: 'string', default: 'none' } },
})

async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  const began = Date.now()
  while (!(await holds())) {
    assert.ok(Date.now() - began < ms, `expected within ${ms} ms that ${what}`)
    await sleep(20)
  }
}

test('a program that ends instead of waiting is not started for ever', { skip }, async (t) => {
  const house = await household(t)
  await house.install(program('import os\nos._exit(3)\n'))
  await assert.rejects(house.manager.warm(HELLO, { size: 2 }), { code: 'PLUGIN_ENDED', message: /exited with 3/ })
  assert.ok(house.manager.history(HELLO, 99).length <= 2)
  assert.deepEqual(await house.manager.ps(HELLO), [])
})

test('nor one that ends as soon as it has waited for a while', { skip }, async (t) => {
  const house = await household(t)
  await house.install(program('import os, time\ntime.sleep(0.2)\nos._exit(0)\n'))
  await using pool = await house.manager.warm(HELLO, { size: 64 }).catch(() => null)
  await sleep(1_000)
  const many = house.manager.history(HELLO, 99).length
  assert.ok(many <= 12, `it was started ${many} times`)
  assert.ok(pool === null || (await pool.stats()).fault !== null)
})

test('what waits is told what is set now, and not what was set when it was started', { skip }, async (t) => {
  const house = await household(t)
  await house.install(TELLS)
  const set = (key: string) =>
    writeFileSync(house.layout.configFile, JSON.stringify({ plugins: { [HELLO]: { settings: { key } } } }), {
      mode: 0o600,
    })
  set('old')
  await using pool = await house.manager.warm(HELLO)
  set('new')
  const one = await pool.spawn()
  one.stdin?.end('\n')
  assert.deepEqual(JSON.parse(await text(one.stdout ?? assert.fail())), { key: 'new' })
  await until('another one waits', async () => (await pool.stats()).waiting === 1)
})

test('nor with a key of a file that was replaced', { skip }, async (t) => {
  const house = await household(t)
  await house.install(TELLS)
  const file = `${house.layout.home}/key`
  writeFileSync(file, 'old', { mode: 0o600 })
  writeFileSync(house.layout.configFile, JSON.stringify({ plugins: { [HELLO]: { settings: { key: { file } } } } }), {
    mode: 0o600,
  })
  await using pool = await house.manager.warm(HELLO)
  writeFileSync(file, 'new')
  const one = await pool.spawn()
  one.stdin?.end('\n')
  assert.deepEqual(JSON.parse(await text(one.stdout ?? assert.fail())), { key: 'new' })
})

test('what may not run any more does not go on waiting', { skip }, async (t) => {
  const house = await household(t)
  await house.install(WAITS)
  await using pool: WarmPool = await house.manager.warm(HELLO, { size: 2 })
  house.manager.disable(HELLO)
  await until('none waits', async () => (await house.manager.ps(HELLO)).length === 0)
  await sleep(300)
  assert.deepEqual(await house.manager.ps(HELLO), [])
  await assert.rejects(pool.spawn(), { code: 'WRONG_STATE' })
  await house.manager.enable(HELLO)
  await using _one = await pool.spawn()
})
