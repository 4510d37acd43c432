// What a plugin sends unasked, as fast as it can, does not take its host's processor: it waits on the plugin's side.

import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Broker } from '../../../src/runtime/go-plugin/broker.ts'
import { RATE } from '../../../src/runtime/go-plugin/message-pace.ts'
import { followStdio } from '../../../src/runtime/go-plugin/stdio-stream.ts'

/** A connection whose plugin always has another message; `sent` says how many were taken of it. */
function flooding(t: TestContext, message: object) {
  let sent = 0
  const stream = new Duplex({
    objectMode: true,
    read() {
      setImmediate(() => {
        sent++
        this.push(message)
      })
    },
    write: (_chunk, _encoding, done) => done(),
  })
  t.after(() => stream.destroy())
  const call = () => Object.assign(stream, { cancel: () => stream.destroy() })
  return { connection: { stream: call, duplex: call } as never, sent: () => sent }
}

/** In three seconds, or as many as a slow machine makes of them. */
async function assertPaced(sent: () => number): Promise<void> {
  const began = performance.now()
  await sleep(3_000)
  const seconds = (performance.now() - began) / 1000
  const most = RATE.burst + RATE.perSecond * (seconds + 1)
  assert.ok(sent() > 100 && sent() < most, `${sent()} messages in ${seconds} s`)
}

test('output in pieces of one byte, although nobody reads it', async (t) => {
  const { connection, sent } = flooding(t, { channel: 'stdout', data: Buffer.from('x') })
  const { stdout } = followStdio(connection)
  await assertPaced(sent)
  assert.ok(stdout.droppedBytes < sent())
})

test('output that somebody reads as fast as it comes, or of a channel that there is not', async (t) => {
  for (const channel of ['stdout', null]) {
    const { connection, sent } = flooding(t, { channel, data: Buffer.from('x') })
    const { stdout } = followStdio(connection)
    stdout.resume()
    await assertPaced(sent)
  }
})

test('announcements of one server', async (t) => {
  const { connection, sent } = flooding(t, { serviceId: 7, network: 'unix', address: '/tmp/further' })
  const broker = new Broker(connection, { name: 'acme/kv' } as never)
  t.after(() => broker.close())
  await assertPaced(sent)
})
