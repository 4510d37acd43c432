// Services of this host at a public address of its own: the first one, and one that was added to it. The kernel speaks to the
// second from the first, so that comparing the two addresses does not tell it apart from a stranger's.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { BIN, shell } from '../../cli/cli.ts'
import { HELLO } from '../../manager/household.ts'
import { clientPlugin } from '../../manager/network/client.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

/** A host with a network of its own takes a network namespace, and a program that gives it addresses. */
function cannotMakeHost(): string | false {
  const { status, stderr } = spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up'], { encoding: 'utf8' })
  return status === 0 ? false : `cannot make a network namespace with addresses: ${stderr}`
}
const skip = cannotLaunch !== false ? cannotLaunch : cannotMakeHost()
if (skip !== false) console.log(`skipped: ${skip}`)

const ADDRESSES = ['93.184.216.10', '93.184.216.11']

const SERVER = `
const { createServer } = require('node:net')
const { spawn } = require('node:child_process')
const server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
server.listen(443, '0.0.0.0', () => {
  const [command, ...args] = process.argv.slice(1)
  spawn(command, args, { stdio: 'inherit' }).on('exit', (code) => process.exit(code ?? 1))
})`

test('no public address of the host itself is reached, the second of a network neither', { skip }, async (t) => {
  const own = await shell(t)
  const list = ADDRESSES.map((address) => `${address}:443`)
  const installed = own.plugins(['install', own.publish(await clientPlugin(list)), '--yes'])
  assert.equal(installed.code, 0, installed.stderr)
  const add = ADDRESSES.map((one) => `ip address add ${one}/24 dev lo`)
  const script = ['ip link set lo up', ...add, 'exec "$@"'].join(' && ')
  const args = ADDRESSES.flatMap((address) => [address, '443'])
  const line = [process.execPath, '-e', SERVER, process.execPath, BIN, 'run', HELLO, '--', ...args]
  const ran = spawnSync('unshare', ['--net', '/bin/sh', '-c', script, 'sh', ...line], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', BULKHEAD_HOME: own.layout.home },
  })
  const lines = ran.stdout.trimEnd().split('\n')
  assert.deepEqual(
    // A client that is slow to look finds a connection that was reset before, and is none any more.
    lines.map((line) => line.replace('ENOTCONN', 'ECONNRESET')),
    ADDRESSES.map((address) => `${address}: no ECONNRESET`),
    ran.stderr,
  )
  const events = own.json(['audit', HELLO]).value as { kind: string; details: { reason?: string } }[]
  const reasons = events.filter(({ kind }) => kind === 'network').map(({ details: { reason } }) => reason)
  assert.deepEqual(reasons, ['it is an address of this host itself', 'it is an address of this host itself'])
})
