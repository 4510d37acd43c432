// What a plugin with a list does not reach, whatever the host's name server says, and that all of it is in the trail.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientPlugin, echo } from './client.ts'
import { ownAddress, serveNames, type Zone } from './names.ts'
import { HELLO, skip, world } from './world.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

/** A program that did not look at once learns of a reset by a call that finds nothing to speak through. */
const lines = (stdout: string): string[] =>
  stdout
    .trimEnd()
    .replaceAll(/ENOTCONN|EPIPE/g, 'ECONNRESET')
    .split('\n')

test('a raw TCP client reaches a name of its list, a name below one, and nobody else', { skip }, async (t) => {
  const address = ownAddress()
  const { port } = await echo(t, address)
  const other = await echo(t, address)
  const hosts = ['api', 'deep.below', 'below', 'evil'].map((name) => `${address} ${name}.bulkhead.test`)
  const own = await world(t, { config: { privateAddresses: [`${address}:${port}`] }, hosts })
  own.install(await clientPlugin([`api.bulkhead.test:${port}`, `*.below.bulkhead.test:${port}`]))
  const { stdout, stderr } = await own.run([
    ...['api.bulkhead.test', `${port}`, 'deep.below.bulkhead.test', `${port}`],
    ...['below.bulkhead.test', `${port}`, 'evil.bulkhead.test', `${port}`],
    ...['api.bulkhead.test', `${other.port}`, address, `${port}`, '127.0.0.1', `${port}`],
  ])
  assert.deepEqual(
    lines(stdout).map((line) => line.replace('Temporary failure in name resolution', 'Name or service not known')),
    [
      'api.bulkhead.test: yes ping',
      'deep.below.bulkhead.test: yes ping',
      'below.bulkhead.test: no Name or service not known',
      'evil.bulkhead.test: no Name or service not known',
      'api.bulkhead.test: no ECONNREFUSED',
      `${address}: no ECONNRESET`,
      '127.0.0.1: no ECONNRESET',
    ],
    stderr,
  )
  assert.equal(other.came(), 0)
  const denied = own.decisions().filter(({ verdict }) => verdict === 'denied')
  assert.deepEqual(
    new Set(denied.map(({ name, port: at }) => `${name} ${at}`)),
    new Set(['below.bulkhead.test 0', 'evil.bulkhead.test 0', `${address} ${port}`, `127.0.0.1 ${port}`]),
  )
  const { stdout: shown } = own.plugins(['audit', HELLO])
  assert.match(shown, new RegExp(`network .*allowed api\\.bulkhead\\.test:${port} at ${address} \\(run `))
  assert.match(shown, /denied evil\.bulkhead\.test: the plugin may not reach it/)
  assert.match(shown, new RegExp(`denied 127\\.0\\.0\\.1:${port}: the plugin may not reach it \\(run `))
})

// What a hostile name server could answer for a name that is on the list.
const NOT_PUBLIC: readonly (readonly [address: string, reason: string])[] = [
  ['127.0.0.1', 'a loopback address'],
  ['127.9.9.9', 'a loopback address'],
  ['0.0.0.0', 'an unspecified address'],
  ['10.1.2.3', 'a private address'],
  ['172.31.255.255', 'a private address'],
  ['192.168.0.1', 'a private address'],
  ['100.64.0.1', 'an address shared behind a carrier'],
  ['169.254.1.1', 'a link-local address'],
  ['169.254.169.254', "a cloud's metadata service"],
  ['224.0.0.1', 'a multicast address'],
  ['255.255.255.255', 'a reserved address'],
  ['192.0.0.8', 'a reserved address'],
  ['198.18.0.1', 'an address for benchmarks'],
  ['192.0.2.1', 'an address for documentation'],
  ['::1', 'a loopback address'],
  ['::', 'an unspecified address'],
  ['::ffff:127.0.0.1', 'a loopback address'],
  ['::ffff:169.254.169.254', "a cloud's metadata service"],
  ['::127.0.0.1', 'an IPv4 address in disguise'],
  ['64:ff9b::7f00:1', 'a loopback address'],
  ['64:ff9b::a9fe:a9fe', "a cloud's metadata service"],
  ['64:ff9b:1::7f00:1', 'an IPv4 address in disguise'],
  ['2002:7f00:1::1', 'an IPv4 address in disguise'],
  ['2001:0:1::1', 'an IPv4 address in disguise'],
  ['fd00:ec2::254', "a cloud's metadata service"],
  ['fc00::1', 'a private address'],
  ['fe80::1', 'a link-local address'],
  ['fec0::1', 'a private address'],
  ['ff02::1', 'a multicast address'],
  ['2001:db8::1', 'an address for documentation'],
]

test('a name of the list that leads to an address which is not public leads nowhere', { skip }, async (t) => {
  const address = ownAddress()
  const { port, came } = await echo(t, '127.0.0.1')
  const zone: Zone = (name, type) => {
    const found = NOT_PUBLIC[Number(/^n(\d+)\./.exec(name)?.[1])]?.[0] ?? ''
    return found.includes(':') === (type === 'AAAA') ? [found] : []
  }
  const server = await serveNames(address, zone)
  t.after(() => server.close())
  const own = await world(t, { nameServer: address })
  own.install(await clientPlugin([`*.bulkhead.test:${port}`]))
  const names = NOT_PUBLIC.map((_, at) => `n${at}.bulkhead.test`)
  const { stdout, stderr } = await own.run(names.flatMap((name) => [name, `${port}`]))
  assert.deepEqual(
    lines(stdout),
    names.map((name) => `${name}: no ECONNRESET`),
    stderr,
  )
  assert.equal(came(), 0)
  assert.deepEqual(
    own.decisions().map(({ verdict, name, reason }) => [verdict, name, reason]),
    names.map((name, at) => ['denied', name, `it is ${NOT_PUBLIC[at]?.[1]}`]),
  )
})

test('a name that moves between two lookups is judged by the address that is dialled', { skip }, async (t) => {
  const [address, target] = [ownAddress(), ownAddress(2)]
  const { port, came } = await echo(t, address)
  const victim = await echo(t, target, port)
  let round = 0
  const zone: Zone = (name, type) => {
    if (type === 'AAAA') return []
    // Both in one answer; or now the one and then the other.
    return name.startsWith('both') ? [target, address] : ([[address], [target]][round++ % 2] ?? [])
  }
  const server = await serveNames(address, zone)
  t.after(() => server.close())
  const own = await world(t, { config: { privateAddresses: [`${address}:${port}`] }, nameServer: address })
  own.install(await clientPlugin([`*.bulkhead.test:${port}`]))
  const { stdout, stderr } = await own.run(
    ['moves', 'moves', 'moves', 'both'].flatMap((name) => [`${name}.bulkhead.test`, `${port}`]),
  )
  assert.deepEqual(
    lines(stdout),
    [
      'moves.bulkhead.test: yes ping',
      'moves.bulkhead.test: no ECONNRESET',
      'moves.bulkhead.test: yes ping',
      'both.bulkhead.test: yes ping',
    ],
    stderr,
  )
  assert.deepEqual([came(), victim.came()], [3, 0])
  const denied = own.decisions().filter(({ verdict }) => verdict === 'denied')
  assert.deepEqual(
    denied.map(({ address: at, reason }) => [at, reason]),
    [[target, 'it is a loopback address']],
  )
})

test('an address in the list itself is judged like any other', { skip }, async (t) => {
  const { port, came } = await echo(t, '127.0.0.1')
  const own = await world(t, {})
  own.install(await clientPlugin([`127.0.0.1:${port}`, `localhost:${port}`, '169.254.169.254:80']))
  const { stdout } = await own.run([
    ...['127.0.0.1', `${port}`, 'localhost', `${port}`, '169.254.169.254', '80', '::1', `${port}`],
    ...['::ffff:127.0.0.1', `${port}`],
  ])
  assert.deepEqual(
    lines(stdout).map((line) => line.replace(/^.*: no /, '')),
    ['ECONNRESET', 'ECONNRESET', 'ECONNRESET', 'ECONNRESET', 'ECONNRESET'],
  )
  assert.equal(came(), 0)
  assert.ok(own.decisions().some(({ reason }) => reason === "it is a cloud's metadata service"))
})

test('a name that nobody has, and a server that is not there, are told apart in the trail', { skip }, async (t) => {
  const address = ownAddress()
  const server = await serveNames(address, () => [])
  t.after(() => server.close())
  const config = { privateAddresses: [`${address}:9`] }
  const own = await world(t, { config, nameServer: address, hosts: [`${address} down.bulkhead.test`] })
  own.install(await clientPlugin(['*.bulkhead.test:9']))
  await own.run(['nobody.bulkhead.test', '9', 'down.bulkhead.test', '9'])
  assert.deepEqual(
    own.decisions().map(({ verdict, name, address: at, reason }) => [verdict, name, at, reason]),
    [
      ['allowed', 'nobody.bulkhead.test', null, 'there is no such name'],
      ['allowed', 'down.bulkhead.test', address, 'the connection was refused'],
    ],
  )
})
