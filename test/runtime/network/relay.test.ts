// The relay with real connections: this host's loopback, which its operator allows by number.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { eventually, isAlive, needsRoot, scratch, sleep } from '../launcher/launch.ts'
import { serve, startWith, tryout, withNetwork } from './outside.ts'

const skip = needsRoot

/** A server of loopback, and the lines of a specification that allow it. */
async function allowed(...args: Parameters<typeof serve>) {
  const service = await serve(...args)
  const place = `${args[0]?.includes(':') ? '[::1]' : '127.0.0.1'}:${service.port}`
  return { service, port: String(service.port), network: { allow: [place], private: [place] } }
}

test('a program reaches the address its list names, and hears the answer', { skip }, async () => {
  const { service, port, network } = await allowed()
  const { result, lines, decisions } = await tryout(network, ['tcp', '127.0.0.1', port, 'hello'])
  await service.close()
  assert.deepEqual(lines, ['hello'])
  assert.deepEqual(decisions, [
    { verdict: 'allowed', name: '127.0.0.1', port: service.port, address: '127.0.0.1', reason: null, count: 1 },
  ])
  assert.equal(result.ended?.usage.networkBytes, 10)
  assert.deepEqual(result.ended?.limitsMet, [])
})

test('the same with IPv6', { skip }, async () => {
  const { service, port, network } = await allowed('::1')
  const { lines, decisions } = await tryout(network, ['tcp', '::1', port, 'hello'])
  await service.close()
  assert.deepEqual(lines, ['hello'])
  assert.equal(decisions[0]?.address, '::1')
})

test('what is not listed is refused: another address, another port', { skip }, async () => {
  const { service, port, network } = await allowed()
  const other = await serve()
  const { lines, decisions } = await tryout(network, [
    ...['tcp', '93.184.216.34', port, 'x'],
    ...['tcp', '127.0.0.1', String(other.port), 'x'],
    ...['tcp', '2606:2800:220:1::1', port, 'x'],
  ])
  await Promise.all([service.close(), other.close()])
  assert.deepEqual(lines, ['no ECONNRESET', 'no ECONNREFUSED', 'no ECONNRESET'])
  assert.deepEqual(
    decisions.map(({ verdict, name, reason }) => [verdict, name, reason]),
    [
      ['denied', '93.184.216.34', 'the plugin may not reach it'],
      ['denied', '2606:2800:220:1::1', 'the plugin may not reach it'],
    ],
  )
  assert.deepEqual([service.connections.length, other.connections.length], [0, 0])
})

test('a listed address that is not public needs the operator, for that very port', { skip }, async () => {
  const { service, port, network } = await allowed()
  const args = ['tcp', '127.0.0.1', port, 'hello']
  const without = await tryout({ allow: network.allow }, args)
  const otherPort = await tryout({ allow: network.allow, private: ['127.0.0.1:1'] }, args)
  const otherAddress = await tryout({ allow: network.allow, private: [`127.0.0.2:${port}`] }, args)
  assert.equal(service.connections.length, 0)
  const excused = await tryout(network, args)
  await service.close()
  for (const { lines, decisions } of [without, otherPort, otherAddress]) {
    assert.deepEqual(lines, ['no ECONNRESET'])
    assert.equal(decisions[0]?.reason, 'it is a loopback address')
  }
  assert.deepEqual(excused.lines, ['hello'])
})

test('datagrams, other sockets and other ports lead nowhere', { skip }, async () => {
  const { service, port, network } = await allowed()
  const { lines } = await tryout(network, [
    ...['udp', '127.0.0.1', port, 'udp', '9.9.9.9', '53', 'udp', '2606:2800:220:1::1', '443'],
    ...['socket', '2', '3', '1', 'socket', '2', '2', '1', 'socket', '17', '3', '0'],
    ...['tcp', '169.254.169.254', '80', 'x'],
  ])
  await service.close()
  assert.deepEqual(lines, [
    ...['no ECONNREFUSED', 'no ECONNREFUSED', 'no ECONNREFUSED'],
    ...['no EPERM', 'no EPROTONOSUPPORT', 'no EAFNOSUPPORT'],
    'no ECONNREFUSED',
  ])
})

test('a plugin without network lines has neither relay nor route', { skip }, async () => {
  const { lines, result } = await tryout({}, ['tcp', '93.184.216.34', '443', 'x', 'udp', '127.0.0.1', '53'])
  assert.deepEqual(lines, ['no ENETUNREACH', 'no ECONNREFUSED'])
  assert.equal(result.ended?.usage.networkBytes, null)
})

test('a hundred megabytes arrive whole in both directions, through a reader that is slow', { skip }, async () => {
  const bytes = 100 * 2 ** 20
  const sums = createHash('sha256')
  const { service, port, network } = await allowed('127.0.0.1', (socket) => {
    socket.on('data', (chunk) => {
      sums.update(chunk)
      // A reader that stops now and then: what is on its way waits, nothing is lost.
      if (chunk.length > 60_000 && Math.random() < 0.01) {
        socket.pause()
        setTimeout(() => socket.resume(), 5)
      }
    })
    socket.pipe(socket)
  })
  const own = { set: { 'memory-bytes': 64 * 2 ** 20, 'cpu-permille': 4000, 'timeout-ms': 60_000 } }
  // It reads only when all is sent, so the sum of all buffers on the way must hold back the rest: the echo would stall.
  const out = await tryout(network, ['transfer', '127.0.0.1', port, '65536', '0'], own)
  assert.match(out.lines[0] ?? '', /^sent (\d+) received 65536 \1$/)
  await service.close()

  const sink = await allowed('127.0.0.1', (socket) => {
    let got = 0
    socket.on('data', (chunk) => (got += chunk.length))
    socket.on('end', () => socket.end(`${got}`))
  })
  const up = await tryout(sink.network, ['transfer', '127.0.0.1', sink.port, String(bytes), '0'], own)
  await sink.service.close()
  assert.match(up.lines[0] ?? '', new RegExp(`^sent \\d+ received ${String(bytes).length} `))
  assert.equal(up.result.ended?.usage.networkBytes, bytes + String(bytes).length)

  const block = Buffer.alloc(2 ** 20, 'bulkhead')
  const source = await allowed('127.0.0.1', (socket) => {
    let left = 100
    const more = (): void => {
      while (left > 0 && socket.write(block)) left--
      if (left === 0) socket.end()
    }
    socket.on('drain', () => {
      left--
      more()
    })
    socket.once('end', more)
  })
  const down = await tryout(source.network, ['transfer', '127.0.0.1', source.port, '0', '200'], own)
  await source.service.close()
  assert.match(down.lines[0] ?? '', new RegExp(`received ${bytes} `))
})

test('a half that has ended leaves the other half open', { skip }, async () => {
  const { service, port, network } = await allowed('127.0.0.1', (socket) => {
    socket.on('data', () => {})
    socket.on('end', () => setTimeout(() => socket.end('after your end'), 50))
  })
  const { lines } = await tryout(network, ['tcp', '127.0.0.1', port, 'and now I say no more'])
  await service.close()
  assert.deepEqual(lines, ['after your end'])
})

test('a connection that breaks outside breaks inside', { skip }, async () => {
  const { service, port, network } = await allowed('127.0.0.1', (socket) => {
    socket.once('data', () => socket.resetAndDestroy())
  })
  const { lines } = await tryout(network, ['tcp', '127.0.0.1', port, 'x'])
  await service.close()
  assert.deepEqual(lines, ['no ECONNRESET'])
})

test('five hundred connections at once are carried', { skip }, async () => {
  const { service, port, network } = await allowed()
  const run = { set: { files: 1024, 'memory-bytes': 256 * 2 ** 20, 'cpu-permille': 4000 } }
  const { lines, decisions } = await tryout({ ...network, connections: 500 }, ['crowd', '127.0.0.1', port, '500'], run)
  await service.close()
  assert.deepEqual(lines, ['answered 500 broken 0'])
  assert.equal(
    decisions.reduce((sum, { count }) => sum + count, 0),
    500,
  )
})

test('more descriptors on their way than the kernel lets a user have are waited for', { skip }, async (t) => {
  const { service, port, network } = await allowed()
  t.after(() => service.close())
  const running = startWith({ ...network, connections: 500 }, ['wait', '0', 'crowd', '127.0.0.1', port, '500'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    set: { files: 1024, 'memory-bytes': 256 * 2 ** 20, 'cpu-permille': 4000 },
  })
  const { pid: init } = await running.started
  const isRelay = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).includes('eventpoll'))
  const [relay, dialer] = relayProcesses(running.process.pid as number)
    .filter((pid) => pid !== init)
    .sort((one, other) => Number(isRelay(other)) - Number(isRelay(one))) as [number, number]
  // Requests heap up at a dialer that stands still, and then its answers at a relay that does.
  process.kill(dialer, 'SIGSTOP')
  running.process.stdin?.end('\n')
  await sleep(500 * SLOW)
  process.kill(relay, 'SIGSTOP')
  process.kill(dialer, 'SIGCONT')
  await sleep(500 * SLOW)
  process.kill(relay, 'SIGCONT')
  const { stdout } = await running.result
  assert.equal(stdout, 'answered 500 broken 0\n')
})

test('more connections than allowed at once are refused, and said', { skip }, async () => {
  const { service, port, network } = await allowed()
  const { lines, decisions, result } = await tryout({ ...network, connections: 10 }, ['crowd', '127.0.0.1', port, '15'])
  await service.close()
  assert.deepEqual(lines, ['answered 10 broken 5'])
  assert.deepEqual(result.ended?.limitsMet, ['connections'])
  const denied = decisions.filter(({ verdict }) => verdict === 'denied')
  assert.equal(
    denied.reduce((sum, { count }) => sum + count, 0),
    5,
  )
  assert.match(denied[0]?.reason ?? '', /as many connections are open/)
})

test('more bytes than allowed cut what is open and refuse what comes', { skip }, async () => {
  const { service, port, network } = await allowed()
  const args = ['transfer', '127.0.0.1', port, '200000', '0', 'tcp', '127.0.0.1', port, 'x']
  const { lines, decisions, result } = await tryout({ ...network, bytes: 100_000 }, args)
  await service.close()
  assert.match(lines[0] ?? '', /^no (?:ECONNRESET|EPIPE)/)
  assert.equal(lines[1], 'no ECONNRESET')
  assert.deepEqual(result.ended?.limitsMet, ['network'])
  assert.ok(decisions.some(({ verdict, reason }) => verdict === 'denied' && /as many bytes/.test(reason ?? '')))
})

test('what was sent just before the program ended still arrives', { skip }, async () => {
  let got = 0
  const { service, port, network } = await allowed('127.0.0.1', (socket) => {
    socket.on('data', (chunk) => (got += chunk.length))
  })
  // The program ends with the connection open and its answer unread: as with `curl --no-wait`, were there one.
  await startWith(network, ['crowd', '127.0.0.1', port, '0', 'tcp', '127.0.0.1', port, 'x'.repeat(60_000)], {
    set: { 'timeout-ms': 300, 'grace-ms': 0 },
  }).result
  assert.ok(await eventually(() => got === 60_000), `${got} arrived`)
  await service.close()
})

function relayProcesses(launcher: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return new RegExp(`^PPid:\t${launcher}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      } catch {
        return false
      }
    })
}

test('the relay ends with its launcher, however that ends', { skip }, async () => {
  const { service, port, network } = await allowed()
  const running = startWith(network, ['tcp', '127.0.0.1', port, 'x', 'wait', '0'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const launcher = running.process.pid as number
  await running.started
  const children = relayProcesses(launcher)
  assert.equal(children.length, 3, 'init, relay and dialer')
  running.process.kill('SIGKILL')
  await running.result
  assert.ok(await eventually(() => children.every((pid) => !isAlive(pid))))
  await service.close()
})

test('a killed relay or dialer takes the network away, and the run goes on', { skip }, async () => {
  for (const which of [0, 1]) {
    const { service, port, network } = await allowed()
    const running = startWith(
      network,
      ['tcp', '127.0.0.1', port, 'one', 'wait', '0', 'tcp', '127.0.0.1', port, 'two'],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    )
    const { pid: init } = await running.started
    const children = relayProcesses(running.process.pid as number).filter((pid) => pid !== init)
    await eventually(() => service.connections.length === 1)
    await sleep(50)
    process.kill(children[which] as number, 'SIGKILL')
    assert.ok(await eventually(() => children.every((pid) => !isAlive(pid))), 'one does not stay without the other')
    running.process.stdin?.end('\n')
    const result = await running.result
    await service.close()
    assert.equal(result.ended?.outcome, 'exited')
    assert.match(result.stdout, /^one\n?no ECONNREFUSED\n$/)
    assert.match(result.report, /"verdict":"denied".*"the relay has ended"/)
  }
})

test('a port of the list is the relay’s, every other the plugin’s own', { skip }, async () => {
  const { lines } = await tryout({ allow: ['example.com:8080'] }, ['listen', '8080', 'listen', '8081'])
  assert.deepEqual(lines, ['no EADDRINUSE', 'yes'])
})

test('the port of the resolver can be on the list too', { skip }, async () => {
  const { lines } = await tryout({ allow: ['example.com:53'] }, [
    'query',
    'example.com',
    '1',
    'query-tcp',
    'example.com',
    '1',
  ])
  assert.deepEqual(lines, ['code 0 198.18.0.1', 'code 0 198.18.0.1'])
})

test('the run counts the relay neither as its processes nor against them', { skip }, async () => {
  const { service, port, network } = await allowed()
  const { lines, result } = await tryout(network, ['tcp', '127.0.0.1', port, 'x'], { set: { processes: 1 } })
  await service.close()
  assert.deepEqual(lines, ['x'])
  assert.equal(result.ended?.usage.processesPeak, 1)
  assert.ok(withNetwork(network).add?.length)
})

test('what failed is in the log as a sentence of the launcher’s own, and what came of it not', { skip }, async () => {
  const { service, port, network } = await allowed()
  const log = join(scratch(), 'log')
  const allow = [...network.allow, '127.0.0.1:9', '[::1]:9', '*.bulkhead.invalid:9']
  const set = { 'log-file': log }
  await tryout(
    { allow, private: [...network.private, '127.0.0.1:9'] },
    [
      ...['tcp', '127.0.0.1', port, 'x', 'tcp', '127.0.0.1', '9', 'x', 'tcp', '::1', '9', 'x'],
      ...['tcp', '9.9.9.9', '9', 'x', 'query', 'evil.test', '1'],
    ],
    { set },
  )
  await service.close()
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S+ \d+ /, '')),
    [
      '! cannot reach 127.0.0.1:9: the connection was refused',
      '! cannot let it reach [::1]:9: it is a loopback address',
      '! cannot let it reach 9.9.9.9:9: the plugin may not reach it',
      '! cannot let it reach evil.test: the plugin may not reach it',
    ],
  )
})
