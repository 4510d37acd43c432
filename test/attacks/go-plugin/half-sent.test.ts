// A plugin calls back into its host with many messages that it never ends. What a host keeps of them has a bound.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect as http2, type Settings } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as grpc from '@grpc/grpc-js'
import { Broker } from '../../../src/runtime/go-plugin/broker.ts'
import { plainIdentity } from '../../../src/runtime/go-plugin/credentials.ts'
import { HostFolder } from '../../../src/runtime/go-plugin/host-folder.ts'

const MIB = 2 ** 20
const BOUND = 512 * MIB
/** More than any plugin of ours is let. */
const TRIED = 24

/** A server of the host's, and the socket that its plugin would find. */
async function accepting(t: TestContext, maxMessageBytes: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-broker-'))
  const host = new HostFolder('acme/kv', folder)
  const announcements = new PassThrough({ objectMode: true })
  const connection = { duplex: () => Object.assign(announcements, { cancel: () => announcements.destroy() }) }
  const options = { name: 'acme/kv', grpc, identity: plainIdentity(grpc as never), folder: null, host, maxMessageBytes }
  const broker = new Broker(connection as never, options as never)
  const accepted = await broker.accept(1, () => {})
  t.after(() => {
    accepted.close()
    broker.close()
    host.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const [name = assert.fail('no socket was made')] = readdirSync(folder)
  return join(folder, name)
}

/** How many streams at once each connection is let, of those that are let at all. */
async function letIn(t: TestContext, path: string): Promise<number[]> {
  const streams: number[] = []
  for (let tried = 0; tried < TRIED; tried++) {
    const socket: Socket = connect(path)
    const session = http2('http://localhost', { createConnection: () => socket })
    session.on('error', () => {})
    t.after(() => session.destroy())
    const settings = once(session, 'remoteSettings').then(([told]) => (told as Settings).maxConcurrentStreams)
    const closed = once(session, 'close').then(() => null)
    const told = await Promise.race([settings, closed, sleep(2_000, null)])
    if (told !== null) streams.push(told ?? Number.POSITIVE_INFINITY)
  }
  return streams
}

for (const maxMessageBytes of [4 * MIB, 16 * MIB, 32 * MIB])
  test(`messages of up to ${maxMessageBytes / MIB} MiB that never end are no more than ${BOUND / MIB} MiB`, async (t) => {
    const streams = await letIn(t, await accepting(t, maxMessageBytes))
    assert.ok(streams.length > 0 && streams.length < TRIED, `${streams.length} connections`)
    const bytes = streams.reduce((sum, count) => sum + count * maxMessageBytes, 0)
    assert.ok(bytes <= BOUND, `${streams} streams are ${bytes / MIB} MiB`)
    assert.ok(streams.every((count) => count >= 4))
  })
