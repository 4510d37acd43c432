// A message bus of this test alone answers: what we write must be D-Bus to those who defined it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { converse } from '../../../src/runtime/systemd/conversation.ts'
import {
  array,
  type Call,
  decodeAnswer,
  encodeCall,
  flag,
  HELLO,
  struct,
  text,
  u32,
  u64,
  variant,
} from '../../../src/runtime/systemd/dbus.ts'

const skip = existsSync('/usr/bin/dbus-daemon') ? false : 'there is no dbus-daemon here (Debian: dbus)'
const uid = process.geteuid?.() ?? 0

async function bus(context: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-bus-'))
  const socket = join(folder, 'bus')
  const daemon = spawn('/usr/bin/dbus-daemon', ['--session', '--nofork', `--address=unix:path=${socket}`], {
    stdio: 'ignore',
  })
  context.after(() => {
    daemon.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })
  for (let tries = 0; !existsSync(socket) && tries < 500; tries++) await new Promise((go) => setTimeout(go, 20))
  return socket
}

const to = (member: string, ...body: Call['body']): Call => ({ ...HELLO, serial: 7, member, body })
const say = (socket: string, call: Call, asWhom = uid) =>
  converse({ socket, uid: asWhom, calls: call === HELLO ? [HELLO] : [HELLO, call], waitMs: 20_000 })

test('a bus takes our calls, with arguments of each kind it knows', { skip }, async (t) => {
  const socket = await bus(t)
  assert.equal(await say(socket, HELLO), null)
  assert.equal(await say(socket, to('ListNames')), null)
  assert.equal(await say(socket, to('NameHasOwner', text('org.freedesktop.DBus'))), null)
  assert.equal(await say(socket, to('RequestName', text('dev.bulkhead.Test'), u32(4))), null)
  assert.equal(await say(socket, to('UpdateActivationEnvironment', array('{ss}', []))), null)
})

test('its refusals come with name and sentence', { skip }, async (t) => {
  const socket = await bus(t)
  const unknown = await say(socket, to('NoSuchMethod'))
  assert.equal(unknown?.name, 'org.freedesktop.DBus.Error.UnknownMethod')
  assert.match(unknown?.sentence ?? '', /NoSuchMethod/)
  // The message is well-formed to its last byte, or the bus would hang up instead of judging its types.
  const everything = [text('ä'), flag(true), u64(2n ** 64n - 1n), struct(text('x'), variant(array('s', [text('y')])))]
  const wrong = await say(
    socket,
    to('NameHasOwner', ...everything, array('(sv)', [struct(text('k'), variant(u32(1)))])),
  )
  assert.equal(wrong?.name, 'org.freedesktop.DBus.Error.InvalidArgs')
})

test('who is not the socket’s owner is not asked for anything', { skip }, async (t) => {
  const socket = await bus(t)
  await assert.rejects(say(socket, HELLO, uid + 1), /belongs to somebody else/)
})

test('what is no bus is told from one, and silence ends', async (t) => {
  const { createServer } = await import('node:net')
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-bus-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const answers = ['HTTP/1.1 400 Bad Request\r\n', 'OK 0\r\nnothing like a message', 'OK 0\r\nl\u0002\u0000', null]
  const faults = [/does not accept/, /does not speak/, /no answer within/, /closed the connection|EPIPE/]
  for (const [index, answer] of answers.entries()) {
    const fault = faults[index] ?? assert.fail()
    const socket = join(folder, `${index}`)
    const server = createServer((peer) => {
      peer.on('error', () => {})
      if (answer === null) peer.destroy()
      else peer.write(answer)
    }).listen(socket)
    t.after(() => server.close())
    await new Promise((listening) => server.once('listening', listening))
    await assert.rejects(converse({ socket, uid, calls: [HELLO], waitMs: 300 }), fault)
  }
})

test('a message is written as the specification lays it out', () => {
  const bytes = encodeCall({ ...to('M', u32(5)), destination: 'd.e', path: '/p', interface: 'i.f' })
  assert.equal(bytes.toString('latin1', 0, 4), 'l\u0001\u0000\u0001')
  assert.equal(bytes.readUInt32LE(4), 4, 'length of the body')
  assert.equal(bytes.readUInt32LE(8), 7, 'serial')
  assert.equal(bytes.length % 8, 4, 'the body begins at a multiple of 8')
  assert.equal(bytes.readUInt32LE(bytes.length - 4), 5)
})

test('an answer cut anywhere is incomplete, one that lies about its lengths is refused', () => {
  const call = encodeCall(HELLO)
  const answer = Buffer.from(call)
  answer[1] = 2
  for (let length = 0; length < answer.length; length++) assert.equal(decodeAnswer(answer.subarray(0, length)), null)
  assert.equal(decodeAnswer(answer)?.length, answer.length)
  const long = Buffer.from(answer)
  long.writeUInt32LE(2 ** 31, 4)
  assert.throws(() => decodeAnswer(long), /has \d+ bytes/)
  const bent = Buffer.from(answer)
  bent.writeUInt32LE(2 ** 30, 20)
  assert.throws(() => decodeAnswer(bent))
})
