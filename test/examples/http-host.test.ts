// The reference host, as a process on loopback, with the real sandbox.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openManager } from '../../src/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { noBrowser, Page } from './browser.ts'
import { type Answer, ExampleHost, parentOf } from './example-host.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const WEATHER = '/call/acme/weather/forecast'
const OSLO = { city: 'Oslo' }
const MIB = 2 ** 20

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-example-test-'))
const home = join(folder, 'home')
let host: ExampleHost
before(async () => {
  if (skip === false) host = await ExampleHost.start(home)
})
after(async () => {
  if (skip === false && host.process.exitCode === null && host.process.signalCode === null) {
    host.process.kill('SIGKILL')
    await host.exited
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

const trouble = (what: string) => host.post(`/call/acme/trouble/${what}`)
const pluginOf = async (name: string) =>
  (await host.get('/stats')).body.plugins.find((plugin: { name: string }) => plugin.name === name)

async function eventually(what: string, isSo: () => Promise<boolean> | boolean, withinMs = 5_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await isSo())) {
    if (Date.now() > deadline) assert.fail(`not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
}

test('the key that signed is gone before anything is served', { skip }, () => {
  assert.deepEqual(globSync([`${folder}/**/*.key`, `${folder}/**/author-*`]), [])
})

test('first requests that come at once load a plugin once, and all are answered', { skip }, async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => host.post(WEATHER, OSLO)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  const [{ body }] = answers as [Answer]
  // A host function, a setting and the table of the package are in it.
  assert.equal(body.day, new Date().toISOString().slice(0, 10))
  assert.equal(body.unit, '°C')
  assert.ok(body.low < body.high)
  const { instances, events } = await pluginOf('acme/weather')
  assert.equal(instances.length, 2)
  assert.equal(events.filter(({ kind }: { kind: string }) => kind === 'loaded').length, 1)
})

test('each fault of a plugin has its status, and a method that is not there has one too', { skip }, async () => {
  const of = async (path: string) => {
    const { status, body, headers } = await host.post(path)
    assert.match(headers.get('content-type') ?? '', /^application\/json/)
    assert.match(body.error.message, /^cannot /)
    return [status, body.error.code]
  }
  assert.deepEqual(await of(WEATHER), [422, 'CALL_FAILED'])
  assert.deepEqual(await of('/stream/acme/weather/hourly'), [422, 'CALL_FAILED'])
  assert.deepEqual(await of('/call/acme/weather/__proto__'), [404, 'CALL_FAILED'])
  assert.deepEqual(await of('/call/acme/nothing/at-all'), [404, 'NOT_INSTALLED'])
  assert.deepEqual(await of('/call/acme/trouble/refuse'), [422, 'CALL_FAILED'])
  assert.deepEqual(await of('/call/acme/trouble/fail'), [502, 'CALL_FAILED'])
  assert.deepEqual(await of('/call/acme/trouble/crash'), [502, 'PLUGIN_ENDED'])
  assert.deepEqual(await of('/call/acme/trouble/hoard'), [502, 'PLUGIN_LIMITED'])
  assert.deepEqual(await of('/call/acme/trouble/garbage'), [502, 'MESSAGE_INVALID'])
  assert.deepEqual(await of('/call/acme/trouble/flood'), [502, 'MESSAGE_TOO_LARGE'])
  assert.deepEqual(await of('/call/acme/trouble/deep'), [502, 'MESSAGE_INVALID'])
})

test('what no client may send is refused before a plugin hears of it', { skip }, async () => {
  const made = async () => (await pluginOf('acme/weather')).calls.made
  const before = await made()
  const own = `Host: 127.0.0.1:${host.port}`
  const json = 'Content-Type: application/json'
  const post = (path: string, headers: string[], body = '{"city":"Oslo"}') =>
    host.raw(
      [
        `POST ${path} HTTP/1.1`,
        ...headers,
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    )
  const cases: [number, Promise<string>][] = [
    // A name that was made to mean 127.0.0.1, none, two.
    [421, post(WEATHER, [`Host: evil.example:${host.port}`, json])],
    [421, post(WEATHER, ['Host: 127.0.0.1:1', json])],
    [421, post(WEATHER, ['Host: ', json])],
    [400, post(WEATHER, [json])],
    [421, post(WEATHER, [own, 'Host: evil.example', json])],
    // A page of somebody else, and another port of this machine.
    [403, post(WEATHER, [own, json, 'Origin: https://evil.example'])],
    [403, post(WEATHER, [own, json, 'Origin: null'])],
    [403, post(WEATHER, [own, json, 'Origin: http://127.0.0.1:1'])],
    [403, post(WEATHER, [own, json, 'Sec-Fetch-Site: same-site'])],
    [405, host.raw(`OPTIONS ${WEATHER} HTTP/1.1\r\n${own}\r\nConnection: close\r\n\r\n`)],
    [403, host.raw(`GET /stats HTTP/1.1\r\n${own}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n`)],
    // What a form can send.
    [415, post(WEATHER, [own])],
    [415, post(WEATHER, [own, 'Content-Type: text/plain'])],
    [415, post(WEATHER, [own, 'Content-Type: application/x-www-form-urlencoded'])],
    [415, post(WEATHER, [own, json, 'Content-Encoding: gzip'])],
    // Bodies.
    [400, post(WEATHER, [own, json], '')],
    [400, post(WEATHER, [own, json], '7')],
    [400, post(WEATHER, [own, json], 'null')],
    [400, post(WEATHER, [own, json], '{"city":')],
    [400, post(WEATHER, [own, json], '['.repeat(100_000))],
    [413, post(WEATHER, [own, json], `{"city":"${'x'.repeat(300_000)}"}`)],
    [413, host.raw(`POST ${WEATHER} HTTP/1.1\r\n${own}\r\n${json}\r\nContent-Length: 99999999999\r\n\r\n`)],
    [
      413,
      host.raw(
        `POST ${WEATHER} HTTP/1.1\r\n${own}\r\n${json}\r\nTransfer-Encoding: chunked\r\n\r\n${'40000\r\n'}${'x'.repeat(0x40000)}\r\n1\r\nx\r\n`,
      ),
    ],
    [
      400,
      host.raw(
        `POST ${WEATHER} HTTP/1.1\r\n${own}\r\n${json}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
      ),
    ],
    // Paths.
    [404, post('/call/acme/../acme/weather/forecast', [own, json])],
    [404, post('/call/acme%2fweather/forecast', [own, json])],
    [404, post('/call/acme/weather/$/health', [own, json])],
    [404, post('/call/acme/weather/%24/health', [own, json])],
    [404, post('//evil.example/call/acme/weather/forecast', [own, json])],
    [404, post(`http://127.0.0.1:${host.port}${WEATHER}`, [own, json])],
    [404, post(`${WEATHER}?x`, [own, json])],
    [404, host.raw(`GET /../start.mjs HTTP/1.1\r\n${own}\r\nConnection: close\r\n\r\n`)],
    [404, host.raw(`GET /page/index.html HTTP/1.1\r\n${own}\r\nConnection: close\r\n\r\n`)],
    [405, host.raw(`GET ${WEATHER} HTTP/1.1\r\n${own}\r\nConnection: close\r\n\r\n`)],
  ]
  for (const [at, [status, answering]] of cases.entries()) {
    const answer = await answering
    assert.equal(Number(answer.split(' ')[1]), status, `case ${at}: ${answer.slice(0, 300)}`)
    assert.doesNotMatch(answer, /access-control/i)
  }
  assert.equal(await made(), before)
})

test('depth that JSON takes and no program can write again is an answer, not a crash', { skip }, async () => {
  const body = `{"city":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  const response = await fetch(host.url + WEATHER, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  })
  assert.equal(response.status, 400)
  assert.equal((await host.post(WEATHER, OSLO)).status, 200)
})

test('a request that goes away takes its call with it', { skip }, async () => {
  const control = new AbortController()
  const hanging = host.post('/call/acme/trouble/hang', {}, control.signal)
  await eventually('the call is made', async () => (await pluginOf('acme/trouble')).calls.waiting === 1)
  control.abort()
  await assert.rejects(hanging, { name: 'AbortError' })
  await eventually('nobody waits', async () => (await pluginOf('acme/trouble')).calls.waiting === 0, 1_500)
})

test('a stream is lines with an end, and a client that reads slowly costs no memory', { skip }, async () => {
  const stream = async (path: string, body: object) => {
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(host.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    const lines = (await response.text()).trimEnd().split('\n')
    return { response, lines: lines.map((line) => JSON.parse(line)) }
  }
  const { response, lines } = await stream('/stream/acme/weather/hourly', OSLO)
  assert.match(response.headers.get('content-type') ?? '', /^application\/x-ndjson/)
  assert.equal(lines.length, 25)
  assert.match(lines[0].item.at, /T00:00:00/)
  assert.deepEqual(lines.at(-1), { done: true })

  // 87,600 items, 6 MB, and nobody reads them.
  const headers = { 'Content-Type': 'application/json' }
  const slow = httpRequest(`${host.url}/stream/acme/weather/hourly`, { method: 'POST', headers })
  slow.end(JSON.stringify({ city: 'Oslo', days: 3650 }))
  const [answer] = (await once(slow, 'response')) as [import('node:http').IncomingMessage]
  // What never comes to its end is said in the last line.
  const stalled = await stream('/stream/acme/trouble/stall', {})
  assert.deepEqual(stalled.lines.slice(0, 2), [{ item: 'first' }, { item: 'second' }])
  assert.equal(stalled.lines[2].error.code, 'CALL_TIMEOUT')
  assert.equal((await pluginOf('acme/weather')).calls.waiting, 1)
  assert.equal((await host.post(WEATHER, OSLO)).status, 200)
  answer.destroy()
  await eventually('the stream ends with its client', async () => (await pluginOf('acme/weather')).calls.waiting === 0)
})

test('good calls are answered while another plugin crashes, hangs, hoards and forks', { skip }, async () => {
  // They say nothing, for as long as they may.
  const silent = Array.from({ length: 150 }, () =>
    connect(host.port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
  )
  const memoryBefore = (await host.get('/stats')).body.host.memoryBytes
  const wrong: Answer[] = []
  const tookMs: number[] = []
  let isOver = false
  const good = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const began = performance.now()
      const answer = await host.post(WEATHER, OSLO)
      tookMs.push(performance.now() - began)
      if (answer.status !== 200) wrong.push(answer)
      // Below its rate, all together.
      await sleep(60)
    }
  })
  const kinds = ['crash', 'hoard', 'garbage', 'flood', 'fork_bomb', 'hang']
  const bad: Answer[] = []
  // Before the circuit opens: what takes long, beside what takes memory.
  bad.push(...(await Promise.all(['hang', 'hoard', 'hang', 'fork_bomb'].map(trouble))))
  for (let round = 0; round < 12; round++) {
    bad.push(...(await Promise.all([...kinds, ...kinds].map(trouble))))
    await sleep(250)
  }
  isOver = true
  await Promise.all(good)

  assert.deepEqual(wrong, [])
  // Nobody's place is kept for them.
  for (const { name, requests } of (await host.get('/stats')).body.plugins) assert.equal(requests, 0, name)
  tookMs.sort((a, b) => a - b)
  const p99 = tookMs[Math.floor(tookMs.length * 0.99)] ?? Number.POSITIVE_INFINITY
  assert.ok(tookMs.length > 50 && p99 < 2_000, `${tookMs.length} good calls, p99 ${p99.toFixed(0)} ms`)
  const seen = new Map<string, number>()
  const EXPECTED = new Map([
    ['CALL_FAILED', 502],
    ['PLUGIN_ENDED', 502],
    ['PLUGIN_LIMITED', 502],
    ['MESSAGE_INVALID', 502],
    ['MESSAGE_TOO_LARGE', 502],
    ['CALL_TIMEOUT', 504],
    ['CIRCUIT_OPEN', 503],
    ['PLUGIN_CLOSED', 503],
  ])
  for (const { status, headers, body } of bad) {
    const { code } = body.error
    seen.set(code, (seen.get(code) ?? 0) + 1)
    assert.equal(status, EXPECTED.get(code), body.error.message)
    assert.equal(headers.has('retry-after'), status === 429 || status === 503, code)
  }
  for (const code of ['CIRCUIT_OPEN', 'PLUGIN_LIMITED', 'PLUGIN_ENDED'])
    assert.ok(seen.has(code), `${code} in ${[...seen].join(' ')}`)
  const { memoryBytes } = (await host.get('/stats')).body.host
  assert.ok(
    memoryBytes < 300 * MIB && memoryBytes - memoryBefore < 100 * MIB,
    `${memoryBefore} and then ${memoryBytes}`,
  )
  console.log(
    `${tookMs.length} good calls, median ${tookMs[tookMs.length >> 1]?.toFixed(1)} ms, p99 ${p99.toFixed(0)} ms; ` +
      `trouble: ${[...seen].map(([code, count]) => `${code} ${count}`).join(', ')}; ` +
      `memory ${Math.round(memoryBefore / MIB)} to ${Math.round(memoryBytes / MIB)} MiB`,
  )
  await eventually('silent connections are closed', () => silent.every(({ closed }) => closed), 8_000)
})

test('of one plugin so many wait and no more; when all of it hangs it is replaced, and answers again', {
  skip,
}, async () => {
  const answers = async () => (await trouble('ok')).status === 200
  await eventually('it answers', answers, 10_000)
  const crowd = await Promise.all(Array.from({ length: 24 }, () => trouble('hang')))
  const count = (status: number) => crowd.filter((answer) => answer.status === status).length
  assert.deepEqual([count(504), count(429)], [16, 8])
  for (const { status, headers } of crowd) assert.equal(headers.has('retry-after'), status === 429)
  await eventually('it answers again', answers, 10_000)
  const { events } = await pluginOf('acme/trouble')
  assert.ok(
    events.some(({ text }: { text: string }) => /none of the last \d+ calls in time/.test(text)),
    JSON.stringify(events),
  )
  const { status, body } = await host.get('/health')
  assert.equal(status, 200)
  assert.equal(body.plugins['acme/weather'], 'ok')
})

test('the figures come as events, to a bounded number of pages', { skip }, async () => {
  const control = new AbortController()
  const open = () => fetch(`${host.url}/events`, { signal: control.signal })
  const first = await open()
  assert.equal(first.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  let text = ''
  for await (const chunk of first.body ?? []) {
    text += Buffer.from(chunk)
    if (text.split('data: ').length > 2 && text.endsWith('\n\n')) break
  }
  const [, one = ''] = /^data: (.*)$/m.exec(text) ?? []
  const { plugins } = JSON.parse(one)
  assert.deepEqual(
    plugins.map(({ name }: { name: string }) => name),
    ['acme/trouble', 'acme/weather'],
  )
  for (const { calls, circuit, restarts } of plugins) {
    assert.ok(calls.made > 0 && calls.p50Ms <= calls.p99Ms)
    assert.ok(['closed', 'open', 'half-open'].includes(circuit) && Number.isInteger(restarts))
  }
  const many = await Promise.all(Array.from({ length: 20 }, open))
  assert.ok(many.some(({ status }) => status === 503))
  control.abort()
})

if (noBrowser !== false) console.log(`skipped: ${noBrowser}`)
test('the page shows the figures, makes a call, and breaks no policy of its own', {
  skip: skip || noBrowser,
}, async () => {
  await using page = await Page.open(host.url)
  const text = async () => String(await page.evaluate('document.body?.innerText ?? ""'))
  await eventually(
    'both plugins are shown',
    async () => /acme\/trouble 1[\s\S]*acme\/weather 1/.test(await text()),
    8_000,
  )
  assert.match(await text(), /p99[\s\S]*restarts[\s\S]*processor[\s\S]*MiB[\s\S]*Last events/)
  await page.evaluate('document.querySelector("button").click()')
  await eventually('the answer is shown', async () => /forecast: 200 in \d+ ms\n\{"city":"Oslo"/.test(await text()))
  assert.deepEqual(page.complaints, [])
  // The policy is there: what the page would not do itself is refused to it.
  await page.evaluate('document.body.append(Object.assign(document.createElement("script"), { async: true })); 1')
  const html = page.evaluate('document.body.innerHTML = "<b>not as text</b>"')
  await assert.rejects(html, /TrustedHTML/)
})

test('a plugin that was revoked is gone at once, and others go on', { skip }, async () => {
  assert.equal((await trouble('ok')).status, 200)
  const manager = await openManager({ home })
  await manager.trust.revoke({ target: 'acme/trouble@1.0.0', reason: 'it makes trouble' })
  await manager.close()
  await eventually('it is gone', async () => (await trouble('ok')).status === 410, 3_000)
  // A call may be refused a moment before those who watch are told.
  const gone = async () => {
    const { events, instances } = await pluginOf('acme/trouble')
    return instances.length === 0 && events.some(({ text }: { text: string }) => /it makes trouble/.test(text))
  }
  await eventually('it is told why', gone, 3_000)
  assert.equal((await host.post(WEATHER, OSLO)).status, 200)
})

/** Two seconds of a machine that has a processor for whoever wants one. */
const leftMs = () => 2_000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism()) * SLOW
const left = (pids: readonly number[]) => pids.filter((pid) => parentOf(pid) !== null)

test('SIGTERM ends it with what is under way, and leaves no process; a second start takes the home as it is', {
  skip,
}, async () => {
  const streaming = fetch(`${host.url}/stream/acme/weather/hourly`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ city: 'Oslo', days: 3650 }),
  })
  await streaming
  const pids = host.descendants()
  assert.ok(pids.length >= 4, `${pids.length} processes`)
  const began = performance.now()
  host.process.kill('SIGTERM')
  assert.deepEqual(await host.exited, [0, null])
  await eventually('no process is left', () => left(pids).length === 0, leftMs() - (performance.now() - began))

  host = await ExampleHost.start(home, '--plugins', '1')
  assert.equal((await host.post(WEATHER, OSLO)).status, 200)
})

test('a plugin that nobody uses makes room for another one, and one that is in use does not', { skip }, async () => {
  const control = new AbortController()
  const response = await fetch(`${host.url}/stream/acme/weather/hourly`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ city: 'Oslo', days: 3650 }),
    signal: control.signal,
  })
  assert.equal(response.status, 200)
  const { status, body } = await trouble('ok')
  assert.deepEqual([status, body.error.code], [503, 'HOST_BUSY'])
  control.abort()
  // It is the one that was revoked, and takes the place all the same; loaded anew, it is in quarantine.
  await eventually('it is tried', async () => (await trouble('ok')).status === 410)
  assert.equal((await trouble('ok')).body.error.code, 'WRONG_STATE')
  const isAlone = (name: string) =>
    eventually(`${name} is alone`, async () => {
      const { plugins } = (await host.get('/stats')).body
      return plugins.length === 1 && plugins[0].name === name
    })
  await isAlone('acme/trouble')
  assert.equal((await host.post(WEATHER, OSLO)).status, 200)
  await isAlone('acme/weather')
})

test('SIGKILL leaves no process either', { skip }, async () => {
  const pids = host.descendants()
  assert.ok(pids.length >= 4, `${pids.length} processes`)
  host.process.kill('SIGKILL')
  await eventually('no process is left', () => left(pids).length === 0, leftMs())
  await host.exited
})
