// A copy has the network of its run: the relay's ports are opened in what the parent made ahead, and nowhere else.

import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { launch } from '../launcher/launch.ts'
import { copyOf, needsParent, startParent } from './parent.ts'

test('a copy reaches whom it may, through the relay, and nobody else', {
  skip: needsParent,
  timeout: 60_000,
}, async (t) => {
  const servers = ['allowed', 'other'].map((word) => createServer((socket) => socket.end(word)))
  t.after(() => {
    for (const server of servers) server.close()
  })
  const [port, other] = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((done) =>
          server.listen(0, '127.0.0.1', () => done((server.address() as AddressInfo).port)),
        ),
    ),
  )
  const parent = await startParent(t, ['socket'])
  const script = `import socket, sys
for port in sys.argv[1:]:
    try: print(socket.create_connection(('127.0.0.1', int(port)), 5).recv(100).decode())
    except OSError as error: print(type(error).__name__)`
  const to = `127.0.0.1:${port}`
  const args = [String(port), String(other)]
  const connected = copyOf(parent, script, {
    args,
    set: { connections: 4 },
    add: [
      ['network', to],
      ['network-private', to],
    ],
  })
  for (let runs = 0; runs < 2; runs++) {
    const { stdout, ended } = await launch(connected)
    assert.equal(stdout, 'allowed\nConnectionRefusedError\n', JSON.stringify(ended))
    assert.equal(ended?.usage.networkBytes, 7)
  }
  // The next has a network of its own, in which nobody listens.
  assert.equal(
    (await launch(copyOf(parent, script, { args }))).stdout,
    'ConnectionRefusedError\nConnectionRefusedError\n',
  )
})
