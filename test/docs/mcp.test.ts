// What the pages tell a host application to write is run as it stands, with the published server.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { everythingHouse } from '../manager/mcp/everything.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { blocks, read, root } from './documents.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('the program of the pages connects a client to a sandboxed server', { skip }, async (t) => {
  const [program] = blocks(read('docs/mcp.md'), 'ts')
  assert.ok(program)
  assert.ok(blocks(read('README.md'), 'ts').includes(program), 'the README has another one')
  const home = await everythingHouse(t)
  const line = 'console.log(tools.map(({ name }) => name).join(" "))\nawait client.close()\n'

  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', `${program}${line}`], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: home },
    timeout: 60_000,
  })

  assert.equal(status, 0, stderr)
  assert.match(stdout, /^echo /)
})
