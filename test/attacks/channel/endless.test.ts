import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { PluginError } from '../../../src/core/errors.ts'
import { LineReader } from '../../../src/core/line-reader.ts'
import { RpcError } from '../../../src/core/rpc-error.ts'
import { JsonRpcPeer } from '../../../src/runtime/channel/peer.ts'
import { CHANNEL_BOUNDS, type ChannelBounds, type HostFunction } from '../../../src/runtime/index.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** MiB that are reachable now: heap and buffers. */
function heldMiB(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

/** A host's end of a channel, whose other end the test plays. */
function channel(
  context: TestContext,
  functions: Readonly<Record<string, HostFunction>> = {},
  bounds: Partial<ChannelBounds> = {},
) {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const faults: PluginError[] = []
  const floods: true[] = []
  const peer = new JsonRpcPeer({
    plugin: 'acme/hello',
    run: 'run',
    stdin,
    stdout,
    bounds: { ...CHANNEL_BOUNDS, ...bounds },
    functions,
    onFault: (error) => faults.push(error),
    onOutputEnd: () => {},

    onFlood: () => floods.push(true),
  })
  context.after(() => peer.close(new RpcError('the test is over') as never))
  const say = (message: object) => stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  return { peer, stdin, stdout, faults, floods, say }
}

/** Writes as fast as it is read, for so long. Gives how many bytes were taken. */
async function flood(stdout: PassThrough, chunk: Buffer, ms: number): Promise<number> {
  let bytes = 0
  for (const end = performance.now() + ms; performance.now() < end; ) {
    if (stdout.writableLength < 2 ** 18) {
      stdout.write(chunk)
      bytes += chunk.length
      await sleep(0)
    } else await sleep(5)
  }
  return bytes
}

test('empty lines without end wait in their pipe', async (t) => {
  const { stdout, floods } = channel(t)
  const bytes = await flood(stdout, Buffer.from('\n'.repeat(65_536)), 1_000)
  assert.ok(bytes < 2 ** 20, `${bytes} of them were taken in a second`)
  assert.equal(floods.length, 1)
})

test('items of a stream that nobody takes any more wait in their pipe', async (t) => {
  const { peer, stdout, faults, floods } = channel(t)
  const stream = peer.stream('items')
  const first = stream.next()
  stdout.write('{"jsonrpc":"2.0","method":"$/item","params":{"id":1,"item":0}}\n')
  await first
  await stream.return()
  const line = '{"jsonrpc":"2.0","method":"$/item","params":{"id":1,"item":0}}\n'
  const bytes = await flood(stdout, Buffer.from(line.repeat(1_000)), 1_000)
  assert.ok(bytes < 40_000 * line.length, `${bytes / line.length} of them were taken in a second`)
  assert.deepEqual([faults.length, floods.length], [0, 1])
})

test('large notices without end wait in their pipe', async (t) => {
  const { stdout, floods } = channel(t, {}, { inboundPerSecond: 1_000 })
  const line = Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', method: 'x', params: ['x'.repeat(2 ** 20)] })}\n`)
  const bytes = await flood(stdout, line, 1_000)
  assert.ok(bytes < 12 * 2 ** 20, `${bytes >> 20} MiB of them were taken in a second`)
  assert.equal(floods.length, 1)
})

test('calls that carry much are not all at work at once', async (t) => {
  const pending: (() => void)[] = []
  const { stdout, stdin, peer } = channel(t, { keep: () => new Promise<void>((resolve) => pending.push(resolve)) })
  const answers: string[] = []
  stdin.on('data', (chunk: Buffer) => answers.push(chunk.toString()))
  const before = heldMiB()
  const params = `[${Array(2 ** 20)
    .fill('{}')
    .join()}]`
  for (let id = 1; id <= 12; id++) {
    stdout.write(`{"jsonrpc":"2.0","id":${id},"method":"keep","params":${params}}\n`)
    while (stdout.writableLength > 0) await sleep(1)
  }
  await sleep(50)
  assert.equal(peer.isOver, false)
  const grown = heldMiB() - before
  assert.ok(grown < 400, `the host grew by ${Math.round(grown)} MiB`)
  assert.match(answers.join(''), /"id":12,"error":\{"code":-32001/)
  for (const answer of pending) answer()
})

test('items that were not taken yet are kept as they came', async (t) => {
  const { peer, stdout } = channel(t)
  const stream = peer.stream('items')
  const first = stream.next()
  const before = heldMiB()
  const item = `[${Array(2 ** 20)
    .fill('{}')
    .join()}]`
  for (let i = 0; i < 16; i++) stdout.write(`{"jsonrpc":"2.0","method":"$/item","params":{"id":1,"item":${item}}}\n`)
  while (stdout.writableLength > 0) await sleep(1)
  assert.equal(((await first).value as unknown[]).length, 2 ** 20)
  const grown = heldMiB() - before
  assert.ok(grown < 300, `the host grew by ${Math.round(grown)} MiB`)
  const second = await stream.next()
  assert.deepEqual((second.value as unknown[]).slice(0, 2), [{}, {}])
})

test('a line that comes byte by byte takes no more than a line', () => {
  const lines: string[] = []
  const reader = new LineReader({ maxBytes: 2 ** 20, onLine: (line) => lines.push(line), onFault: assert.fail })
  const before = heldMiB()
  const byte = Buffer.from('x')
  for (let i = 0; i < 2 ** 20; i++) reader.push(byte)
  const grown = heldMiB() - before
  assert.ok(grown < 8, `a mebibyte takes ${Math.round(grown)} MiB`)
  reader.push(Buffer.from('\nlast\n'))
  assert.deepEqual(
    lines.map(({ length }) => length),
    [2 ** 20, 4],
  )
})

test('what a function throws is answered, even when it has no JSON', async (t) => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  const { say, stdin, faults } = channel(t, {
    circle: () => {
      throw new RpcError('no', { data: circle })
    },
    big: () => {
      throw new RpcError('no', { data: 1n })
    },
  })
  const answers: string[] = []
  stdin.on('data', (chunk: Buffer) => answers.push(...chunk.toString().trim().split('\n')))
  say({ id: 1, method: 'circle' })
  say({ id: 2, method: 'big' })
  await sleep(50)
  assert.deepEqual(
    answers.map((line) => JSON.parse(line).error.code),
    [-32603, -32603],
  )
  assert.deepEqual(faults, [])
})

test('what a plugin puts into an id is no command for whoever reads the error', async (t) => {
  const { say, faults } = channel(t)
  say({ id: '\u009b2J\u202egnp.exe', result: 1 })
  await sleep(20)
  assert.equal(faults[0]?.code, 'MESSAGE_INVALID')
  assert.doesNotMatch(faults[0]?.message ?? '', /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
})

test('once a channel is closed, what still comes is not even looked at', async (t) => {
  const { peer, stdout } = channel(t)
  peer.close(new RpcError('closed') as never)
  const began = process.cpuUsage()
  const line = Buffer.from(`{"jsonrpc":"2.0","method":"x","params":[${'[],'.repeat(300_000)}[]]}\n`)
  for (let i = 0; i < 60; i++) {
    stdout.write(line)
    while (stdout.writableLength > 0) await sleep(0)
  }
  const ms = process.cpuUsage(began).user / 1_000
  assert.ok(ms < 500, `it took ${ms} ms of the processor`)
})
