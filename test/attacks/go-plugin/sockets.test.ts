// Whatever a plugin calls its address, the host connects to a socket in that plugin's own /tmp, or to nothing.

import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { HostFolder } from '../../../src/runtime/go-plugin/host-folder.ts'
import { PluginFolder } from '../../../src/runtime/go-plugin/plugin-folder.ts'
import { grpcHouse } from '../../grpc/house.ts'
import { compileNow } from '../../helpers/compile.ts'
import { HELLO } from '../../manager/household.ts'
import { attackedHouse, skip } from './attacked.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

/** A socket of this host that no plugin may be the way to. */
async function hostSocket(t: TestContext): Promise<{ readonly path: string; readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-host-'))
  const server = createServer((socket) => socket.end('host'))
  const path = join(folder, 'socket')
  await listening(server, path)
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { path, folder }
}

const listening = (server: Server, path: string) => new Promise<void>((resolve) => server.listen(path, resolve))

const heardFrom = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let heard = ''
    connect(path)
      .on('data', (chunk) => {
        heard += chunk
      })
      .on('end', () => resolve(heard))
      .on('error', reject)
  })

async function zoo(t: TestContext) {
  const host = await hostSocket(t)
  const house = await attackedHouse(t)
  const run = await house.manager.run(HELLO, { args: ['zoo', host.path] })
  if (run.stdout === null || run.stdin === null) throw new Error('its streams are pipes')
  const lines = createInterface({ input: run.stdout })[Symbol.asyncIterator]()
  assert.equal((await lines.next()).value, 'ready')
  const started = await run.started
  if (started === null) throw new Error('it said that it is ready')
  const { folder, pid } = PluginFolder.open(HELLO, started.pid)
  t.after(() => folder.close())
  return { host, run, stdin: run.stdin, lines, folder, naive: (path: string) => `/proc/${pid}/root${path}` }
}

test('an address that is no socket in the plugin’s own /tmp is connected to by nobody', { skip }, async (t) => {
  const { host, folder, naive } = await zoo(t)
  for (const address of [
    '/tmp/link',
    '/tmp/own-link',
    '/tmp/fifo',
    '/tmp/file',
    '/tmp/folder',
    '/tmp/nothing',
    '/tmp/folder/deep',
    '/tmp/../tmp/good',
    '/tmp/./good',
    '/tmp//good',
    '/tmp/..',
    '/tmp/',
    '/tmp',
    '/good',
    'good',
    '../tmp/good',
    '',
    '/tmp/good\0x',
    '/tmp/good\n',
    `/tmp/${'a'.repeat(200)}`,
    '@abstract',
    '\0abstract',
    host.path,
    '/proc/self/fd/3',
    '/run/docker.sock',
  ]) {
    assert.throws(() => folder.hold(address), { code: 'GRPC_ADDRESS_REFUSED' }, JSON.stringify(address))
  }
  // Looked up as a path, the same names lead to the host's own socket.
  assert.equal(await heardFrom(naive('/tmp/link')), 'host')
  assert.equal(await heardFrom(folder.hold('/tmp/good').path), 'plugin')
})

test('what a name becomes after it was looked at is not what is connected to', { skip }, async (t) => {
  const { folder, stdin, lines, naive } = await zoo(t)
  const held = folder.hold('/tmp/good')
  stdin.write('swap\n')
  assert.equal((await lines.next()).value, 'swapped')
  assert.equal(await heardFrom(naive('/tmp/good')), 'host')
  assert.equal(await heardFrom(held.path), 'plugin')
  assert.throws(() => folder.hold('/tmp/good'), { code: 'GRPC_ADDRESS_REFUSED' })
})

test('in the folder of the host’s sockets the plugin can neither make, replace nor remove one', { skip }, async (t) => {
  const house = await attackedHouse(t)
  const handshake = { COOKIE: 'x' }
  const run = await house.manager.run(HELLO, { args: ['meddle'], handshake })
  if (run.stdout === null || run.stdin === null || run.sockets === null) throw new Error('it has all of these')
  const lines = createInterface({ input: run.stdout })[Symbol.asyncIterator]()
  const host = new HostFolder(HELLO, run.sockets)
  const server = createServer((socket) => socket.end('host'))
  t.after(() => server.close())
  const address = await host.listen(server)
  // Open to all, so that it is the mount that says no.
  chmodSync(run.sockets, 0o777)
  run.stdin.write(`${address}\n`)
  const answer = 'connect host, unlink EROFS, rename EROFS, link EROFS, bind EROFS, write EROFS'
  assert.equal((await lines.next()).value, answer)
  assert.deepEqual(readdirSync(run.sockets), [basename(address)])
  for (const above of [dirname(run.sockets), house.layout.spool]) assert.equal(statSync(above).mode & 0o777, 0o700)
  const { sockets } = await house.manager.run(HELLO, { args: ['mute'] })
  assert.equal(sockets, null, 'a run of another kind is shown no folder')
})

test('the folder of a run that has ended, or of a number that is another process, is not opened', {
  skip,
}, async (t) => {
  const { run } = await zoo(t)
  const started = await run.started
  await run.close()
  assert.throws(() => PluginFolder.open(HELLO, started?.pid ?? 0), { code: 'GRPC_SOCKET_UNAVAILABLE' })
  assert.throws(() => PluginFolder.open(HELLO, 2 ** 22), { code: 'GRPC_SOCKET_UNAVAILABLE' })
})

test('without a mount namespace of its own, a name in /tmp may be anybody’s, and is refused', { skip }, async (t) => {
  const source =
    '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("1|3|unix|/tmp/anybodys|grpc|"); fflush(stdout); pause(); }'
  const program = readFileSync(compileNow(source, '-static'))
  const house = await grpcHouse(t, { entry: { runtime: 'exec', path: 'bin/x' } }, { 'bin/x': program })
  // Then it is looked up where it is.
  for (let at = dirname(dirname(house.packageOf())); at !== tmpdir(); at = dirname(at)) chmodSync(at, 0o711)
  const loading = house.load({ weaker: ['mount-namespace'] })
  await assert.rejects(loading, { code: 'GRPC_SOCKET_UNAVAILABLE', message: /mount-namespace/ })
})

test('a plugin that names a host’s socket as its address is ended', { skip }, async (t) => {
  const host = await hostSocket(t)
  const house = await attackedHouse(t)
  for (const address of [host.path, '/tmp/nothing']) {
    const loading = house.load({ args: ['line', `1|3|unix|${address}|grpc|\n`] })
    await assert.rejects(loading, { code: 'GRPC_ADDRESS_REFUSED' })
  }
  assert.deepEqual(await house.manager.ps(), [])
})
