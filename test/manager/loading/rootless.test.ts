// A host application that an ordinary user runs: no right anywhere.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manifestOf } from '../household.ts'
import { pythonSpeaker } from './speakers.ts'
import { hostOfUser, needsUser } from './user-host.ts'

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
