import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { HELLO, household, manifestOf } from '../../manager/household.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const TELLS = {
  files: {
    'main.py': 'import os\nprint(open(os.environ["PLUGIN_CONFIG"]).read())\n',
    'plugin.json': manifestOf({
      entry: { runtime: 'python', path: 'main.py' },
      config: { key: { type: 'string', default: 'none' } },
    }),
  },
}

test('what the operator sets, or takes back, holds for the next run of a host that is open for weeks', {
  skip,
}, async (t) => {
  const house = await household(t)
  await house.install(TELLS)
  const plugins = { [HELLO]: { settings: { key: 'new' } } }
  writeFileSync(house.layout.configFile, JSON.stringify({ plugins }), { mode: 0o600 })
  await using one = await house.manager.spawn(HELLO)
  assert.deepEqual(JSON.parse(await text(one.stdout ?? assert.fail())), { key: 'new' })
})

/** Another process, which opens so many files that it can start nothing, and says what became of it. */
const CROWDED = `
import { openSync } from 'node:fs'
import { openManager } from ${JSON.stringify(join(import.meta.dirname, '../../../src/index.ts'))}
const manager = await openManager({ home: process.argv[2] })
await manager.plan(${JSON.stringify(HELLO)})
await manager.run(${JSON.stringify(HELLO)}, { settings: { key: 'warming up' } }).then((run) => (run.stdout.resume(), run.stderr.resume(), run.outcome))
const held = []
try { for (;;) held.push(openSync('/dev/null')) } catch {}
// As many as it takes to be asked, and not enough for the pipes of a sandbox.
const { closeSync } = await import('node:fs')
for (const fd of held.splice(0, Number(process.argv[3]))) closeSync(fd)
const ended = await manager.run(${JSON.stringify(HELLO)}, { settings: { key: 'a secret' } }).then((run) => run.outcome).then(
  () => 'ran', (error) => error.name + ' ' + error.code)
for (const fd of held) closeSync(fd)
console.log(ended)
await manager.run(${JSON.stringify(HELLO)}).then((run) => (run.stdout.resume(), run.stderr.resume(), run.outcome))
console.log((await manager.ps()).length, 'go on')
await manager.close()
`

for (const free of [1, 2, 4, 8]) {
  test(`a host that has ${free} descriptors left is told so, goes on, and keeps no settings on its disk`, {
    skip,
  }, async (t) => {
    const house = await household(t)
    await house.install(TELLS)
    await house.manager.close()
    const script = join(house.layout.home, '..', 'crowded.mts')
    writeFileSync(script, CROWDED)
    const { stdout, stderr } = spawnSync(
      '/bin/sh',
      ['-c', `ulimit -n 200; exec "${process.execPath}" "${script}" "${house.layout.home}" ${free}`],
      { encoding: 'utf8', timeout: 20_000 },
    )
    assert.match(stdout, /^\w+Error [A-Z_]+\n0 go on\n$/, stderr)
    const spool = house.layout.spool
    const left = existsSync(spool)
      ? readdirSync(spool).filter((run) => existsSync(join(spool, run, 'config.json')))
      : []
    assert.deepEqual(left, [])
    await house.reopen()
  })
}
