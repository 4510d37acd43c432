// A host in JavaScript that passes what it should not is told so where it does, and has no failure of its own for it later.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sandboxed } from '../../../src/mcp.ts'
import { HELLO, household } from '../../manager/household.ts'
import { hostileServer } from '../../manager/mcp/hostile.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const USAGE = { name: 'UsageError', code: 'USAGE' }
const noisy = hostileServer('pass', {}, 'sys.stderr.write("noise\\n")\nsys.stderr.flush()')

test('options that cannot be are refused, and nothing is started', { skip }, async (t) => {
  const house = await household(t)
  await house.install(noisy)
  for (const options of [null, { onStderr: 'told' }, { onStderr: {} }, { signal: AbortSignal.abort() }])
    assert.throws(() => sandboxed(house.manager, HELLO, options as never), USAGE, JSON.stringify(options))
  for (const host of [null, {}, 'plugins']) assert.throws(() => sandboxed(host as never, HELLO), USAGE)
  for (const options of [{ range: 5 }, { range: null }, { weaker: 'seccomp' }, { args: 'all' }])
    await assert.rejects(sandboxed(house.manager, HELLO, options as never).start(), USAGE, JSON.stringify(options))
  for (const options of [{ onStderr: 'told' }, { onTrouble: 'told' }])
    await assert.rejects(house.manager.serve(HELLO, { protocol: 'mcp', ...options } as never), USAGE)
  assert.deepEqual(await house.manager.ps(), [])
})
