import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { HELLO, household } from './household.ts'
import { hostileServer } from './mcp/hostile.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'

async function host(t: Parameters<typeof household>[0], rest: object = {}) {
  const house = await household(t)
  await house.install(hostileServer('pass', rest))
  return house
}

test('a host speaks to a plugin by its streams, for longer than a call may take', { skip }, async (t) => {
  const { manager } = await host(t, { limits: { timeout: '300ms' } })
  const { served, limitMs } = await manager.serve(HELLO, { protocol: 'mcp' })
  assert.equal(limitMs, 300)
  await sleep(600)
  served.stdin.write(PING)
  const [answer] = (await once(served.stdout, 'data')) as [Buffer]
  assert.deepEqual(JSON.parse(answer.toString()), { jsonrpc: '2.0', id: 1, result: {} })
  assert.equal((await manager.ps())[0]?.run, served.run.run)
  const over: unknown[] = []
  served.whenOver(({ code }) => over.push(code))
  const why = new Error('done') as never
  const end = await served.close(why)
  assert.deepEqual([end.error, end.isAsked, end.outcome.outcome], [why, true, 'exited'])
  served.whenOver((error) => over.push(error))
  assert.deepEqual(over, [undefined, why])
})

test('without a limit of its manifest a call takes as long as it takes; another protocol is refused', {
  skip,
}, async (t) => {
  const { manager } = await host(t)
  const { served, limitMs } = await manager.serve(HELLO, { protocol: 'mcp' })
  assert.equal(limitMs, 0)
  await served.kill(new Error('done') as never)
  for (const protocol of ['jsonrpc', 'grpc', 'stdio'] as const)
    await assert.rejects(manager.serve(HELLO, { protocol }), { code: 'WRONG_PROTOCOL' })
  assert.deepEqual(await manager.ps(), [])
})

test('a launcher that is killed is the end of the run, and its host learns it', { skip }, async (t) => {
  const { manager } = await host(t)
  const { served } = await manager.serve(HELLO, { protocol: 'mcp' })
  served.stdout.resume()
  process.kill(served.run.pid, 'SIGKILL')
  const { error, isAsked } = await served.ended
  assert.equal(error.code, 'PLUGIN_ENDED')
  assert.equal(isAsked, false)
  assert.ok(served.over.aborted)
  // A launcher that was killed says nothing: the kernel takes the rest of the tree down right after it.
  for (let tries = 0; goesOn(served.pid) && tries < 50 * SLOW; tries++) await sleep(20)
  assert.equal(goesOn(served.pid), false)
})

/** Ashes are the affair of whoever inherited them. */
function goesOn(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
