// A host application that an ordinary user runs: no right anywhere.

import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { test } from 'node:test'
import { household, manifestOf } from '../household.ts'
import { pythonSpeaker } from './speakers.ts'
import { asUser, hostOfUser, needsUser } from './user-host.ts'

const skip = needsUser
if (skip !== false) console.log(`skipped: ${skip}`)

test('an ordinary user loads, calls and holds ready what they have installed', { skip }, async (t) => {
  const source =
    'import bulkhead_plugin\nbulkhead_plugin.serve({"config": lambda params, context: bulkhead_plugin.config()})'
  const config = { key: { type: 'string', secret: true, required: true } }
  const { status, stdout, stderr } = await hostOfUser(t, 'rootless-host.ts', pythonSpeaker(source, { config }))
  assert.equal(status, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), {
    told: { key: 'the-secret' },
    answer: '{"jsonrpc":"2.0","id":1,"result":{"key":"the-secret"}}\n',
    health: 'ok',
  })
})

for (const more of [[], ['pid-namespace']])
  test(`an ordinary user holds sandboxes at their entry${more.map((layer) => `, without ${layer} as well`).join('')}`, {
    skip,
  }, async (t) => {
    const entry = { runtime: 'python', path: 'main.py', args: ['manifest'] }
    const spec = {
      files: {
        'main.py': `import sys\nopen('/data/ran', 'a').write('x')\nprint(open('/data/ran').read(), *sys.argv[1:])`,
        'plugin.json': manifestOf({ entry, limits: { data: '1M' } }),
      },
    }
    const { status, stdout, stderr } = await hostOfUser(t, 'held-host.ts', spec, more)
    assert.equal(status, 0, stderr)
    const { said, waiting, left } = JSON.parse(stdout)
    // The first had its launcher stopped: nothing has run in it.
    assert.deepEqual(said, [
      ['x manifest one\n', '', 0],
      ['xx manifest two\n', '', 0],
    ])
    assert.ok(waiting >= 4, `launchers and what they hold: ${waiting}`)
    assert.equal(left, 0)
  })

test('the home of root says whose it is, and is no bug', { skip: needsUser }, async (t) => {
  const { layout } = await household(t)
  chmodSync(dirname(layout.home), 0o755)
  const bin = resolve(import.meta.dirname, '../../../src/cli/bin.cjs')
  const { status, stdout } = asUser('/', [bin, '--json', '--home', layout.home, 'list'])
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } }
  assert.deepEqual([status, error.code], [1, 'DISK_FAILED'])
  assert.match(error.message, /^cannot look into .*: it belongs to user 0, and is closed to others$/)
  assert.match(error.hint, /BULKHEAD_HOME, names another place$/)
})
