// A host application runs a plugin with a network: it hears of each decision as it is made.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO, household, questions } from '../household.ts'
import { clientPlugin, echo } from './client.ts'
import { ownAddress } from './names.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

test('a run of the library is told of each decision, and the trail has them when it has ended', { skip }, async (t) => {
  const address = ownAddress()
  const { port } = await echo(t, address)
  const house = await household(t)
  const config = { plugins: { [HELLO]: { privateAddresses: [`${address}:${port}`] } } }
  writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
  await house.reopen()
  const { asked, consent } = questions()
  const list = [`${address}:${port}`, `10.0.0.1:${port}`]
  await house.manager.install(house.publish(await clientPlugin(list)), { consent })
  assert.deepEqual(
    asked[0]?.network.allow.map(({ to }) => to),
    list,
  )

  const told: (readonly [string, string])[] = []
  const run = await house.manager.run(HELLO, {
    args: [address, `${port}`, '10.0.0.1', `${port}`],
    onJournal: (line) => line.event === 'network' && told.push([line.verdict, line.name]),
  })
  const [stdout, outcome] = await Promise.all([text(run.stdout as NodeJS.ReadableStream), run.outcome])
  assert.match(stdout, /^127\S+: yes ping\n10\.0\.0\.1: no E/)
  assert.deepEqual(told, [
    ['allowed', address],
    ['denied', '10.0.0.1'],
  ])
  assert.equal(outcome.usage.networkBytes, 8)
  const events = house.manager.audit(HELLO, 10).filter(({ kind }) => kind === 'network')
  assert.deepEqual(
    events.map(({ details: { verdict, name, port: at, reason, count } }) => [verdict, name, at, reason, count]),
    [
      ['allowed', address, port, null, 1],
      ['denied', '10.0.0.1', port, 'it is a private address', 1],
    ],
  )
  assert.deepEqual((await house.manager.info(HELLO)).network.private, [
    { to: `${address}:${port}`, from: 'plugin-config' },
  ])
})
