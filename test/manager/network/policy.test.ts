// What the operator decides: who gets a network at all, how much of it, and where it can be seen before a run.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientPlugin, echo } from './client.ts'
import { ownAddress } from './names.ts'
import { HELLO, skip, world } from './world.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const NAME = 'api.bulkhead.test'

test('the strict profile runs a plugin without its network, and says so before', { skip }, async (t) => {
  const address = ownAddress()
  const { port, came } = await echo(t, address)
  const config = { plugins: { [HELLO]: { profile: 'strict', privateAddresses: [`${address}:${port}`] } } }
  const own = await world(t, { config, hosts: [`${address} ${NAME}`] })
  const installed = own.plugins(['install', own.publish(await clientPlugin([`${NAME}:${port}`])), '--yes'])
  assert.match(installed.stderr, new RegExp(`cut here +network ${NAME}:${port} to none \\(its profile\\)`))
  assert.match(own.plugins(['info', HELLO]).stdout, new RegExp(`network +none here \\(asked: ${NAME}:${port}\\)`))
  const plan = JSON.parse((await own.run([], ['--dry-run'])).stdout)
  assert.deepEqual(plan.network, {
    policy: { value: 'none', from: 'profile' },
    allow: [],
    private: [],
    cuts: [`${NAME}:${port}`],
    unagreed: [],
  })
  const { stdout, code } = await own.run([address, `${port}`, '93.184.216.34', '443', NAME, `${port}`])
  assert.match(stdout, /^127\S+: no ECONNREFUSED\n93\S+: no ENETUNREACH\napi\S+: no (?:Temporary failure|Name or)/)
  assert.equal(code, 0)
  assert.equal(came(), 0)
  assert.equal(own.outcome().usage.networkBytes, null)
})

test('the plan names every line of a network and whose it is, and so do install and info', { skip }, async (t) => {
  const config = {
    privateAddresses: ['10.0.0.5:443'],
    plugins: { [HELLO]: { network: 'public', privateAddresses: ['[fd00::5]:443'] } },
  }
  const own = await world(t, { config })
  const installed = own.plugins(['install', own.publish(await clientPlugin([`${NAME}:443`])), '--yes'])
  const words = `${NAME}:443; any public host at port 443 (config.json, plugins); though not public: [fd00::5]:443, 10.0.0.5:443`
  // What does not fit beside its label goes on behind a bar.
  assert.ok(installed.stderr.replaceAll('\n  | ', ' ').includes(words), installed.stderr)
  assert.ok(own.plugins(['info', HELLO]).stdout.includes(words))
  const plan = JSON.parse((await own.run([], ['--dry-run'])).stdout)
  assert.deepEqual(plan.network, {
    policy: { value: 'public', from: 'plugin-config' },
    allow: [
      { to: `${NAME}:443`, from: 'manifest' },
      { to: '*:443', from: 'plugin-config' },
    ],
    private: [
      { to: '[fd00::5]:443', from: 'plugin-config' },
      { to: '10.0.0.5:443', from: 'config' },
    ],
    cuts: [],
    unagreed: [],
  })
  const info = own.json(['info', HELLO]).value as { network: unknown }
  assert.deepEqual(info.network, plan.network)
})

test('under the development profile a plugin reaches a host it does not list, if that was agreed to', {
  skip,
}, async (t) => {
  const address = ownAddress()
  const { port } = await echo(t, address)
  const config = { profile: 'development', privateAddresses: [`${address}:${port}`] }
  const own = await world(t, { config, hosts: [`${address} unlisted.bulkhead.test`] })
  own.install(await clientPlugin([`${NAME}:${port}`]))
  const args = ['unlisted.bulkhead.test', `${port}`]
  assert.match((await own.run(args, ['--profile', 'production'])).stdout, /: no Name or service not known/)
  assert.equal((await own.run(args)).stdout, 'unlisted.bulkhead.test: yes ping\n')
  // Not even then what is not public, unless the operator has that very address and port.
  const { stdout } = await own.run(['127.0.0.1', `${port}`])
  assert.equal(stdout, '127.0.0.1: no ECONNRESET\n')
})

test('more connections, or more bytes, than the plugin may have are refused and reported', { skip }, async (t) => {
  const address = ownAddress()
  const { port } = await echo(t, address)
  const config = { privateAddresses: [`${address}:${port}`] }
  const own = await world(t, { config, hosts: [`${address} ${NAME}`] })
  own.install(await clientPlugin([`${NAME}:${port}`], { connections: 3, network: '64K' }))
  assert.equal((await own.run(['hold', NAME, `${port}`, '5'])).stdout, '3 of 5\n')
  assert.deepEqual(own.outcome().limitsMet, ['connections'])
  assert.match((await own.run(['send', NAME, `${port}`, '10000000'])).stdout, /^no E(?:CONNRESET|PIPE)\n$/)
  assert.deepEqual(own.outcome().limitsMet, ['network'])
  assert.ok((own.outcome().usage.networkBytes ?? 0) >= 64 * 2 ** 10)
  const reasons = new Set(own.decisions().map(({ reason }) => reason))
  assert.ok(reasons.has('as many connections are open as the plugin may have'))
  assert.ok(reasons.has('the plugin has moved as many bytes as it may'))
})

test('a network and the host’s own network do not go together', { skip }, async (t) => {
  const own = await world(t, {})
  own.install(await clientPlugin([`${NAME}:443`]))
  const { code, stderr } = await own.run([], ['--weaker', 'net-namespace'])
  assert.equal(code, 125)
  assert.match(stderr, /cannot run acme\/hello without the layer net-namespace: its network is a relay in one/)
})
