// A host application whose Python plugins come out of preloaded parents.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../../src/manager/host.ts'
import { launch } from '../../src/manager/launch.ts'
import { preloadFindings } from '../../src/manager/preload-trouble.ts'
import { planOf } from '../../src/manager/run.ts'
import { PreloadParents } from '../../src/runtime/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { needsParent } from '../runtime/preload/parent.ts'
import { HELLO } from './household.ts'
import { COLD, COPIED, hosted, OTHER, ran, requestOf, saidBy } from './preloading.ts'

const options = { skip: needsParent, timeout: 60_000 * SLOW }
test('what manifest and operator both name is imported once, and there in every run', options, async (t) => {
  const { host } = await hosted(t)
  for (let runs = 0; runs < 3; runs++) assert.deepEqual(await saidBy(host), COPIED)
  const [parent, ...more] = host.parents.list()
  assert.deepEqual([parent?.name, parent?.modules, parent?.copies, more], [HELLO, ['decimal'], 0, []])
  assert.ok(Number(parent?.memoryBytes) > 1e6 && Number(parent?.memoryBytes) < 1e8, `${parent?.memoryBytes}`)
  assert.deepEqual(
    host.store.runs.history(null, 10).map(({ outcome }) => outcome?.code),
    [0, 0, 0],
  )
  assert.deepEqual(leftIn(host), ['_parents'])
})

const leftIn = ({ layout }: Host): string[] => readdirSync(layout.spool)

test('each plugin has a parent of its own, with its own uid', options, async (t) => {
  const { host } = await hosted(t)
  assert.deepEqual([await saidBy(host), await saidBy(host, OTHER)], [COPIED, COPIED])
  const uids = host.parents.list().map(({ pid }) => uidBelow(pid))
  assert.equal(new Set(uids).size, 2)
})

const uidBelow = (launcher: number): string => {
  const [init = ''] = readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').split(' ')
  return /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1] ?? 'none'
}

test('nothing is preloaded that the operator does not list, and the plan says so', options, async (t) => {
  const { host, configure } = await hosted(t, { config: { preload: { python: ['json'] } } })
  assert.deepEqual(await saidBy(host), COLD)
  const { preload } = await planOf(host, HELLO, {})
  assert.deepEqual(
    [preload.modules, preload.reason],
    [[], 'preload.python in config.json lists none of what the manifest names'],
  )
  assert.deepEqual(host.parents.list(), [])
  const other = await configure({ preload: { python: ['decimal'] } })
  assert.deepEqual((await planOf(other, HELLO, {})).preload.modules, ['decimal'])
})

test('a run that goes without a layer is started cold', options, async (t) => {
  const { host } = await hosted(t)
  assert.deepEqual(await saidBy(host, HELLO, { weaker: ['landlock'] }), COLD)
  assert.deepEqual(await saidBy(host, HELLO, { reportDenials: true }), COLD)
  const { preload } = await planOf(host, HELLO, { weaker: ['landlock'] })
  assert.equal(preload.reason, 'it goes without the layer landlock')
  assert.deepEqual(host.parents.list(), [])
})

test('a module that cannot be imported is a reason to start cold, and no failure', options, async (t) => {
  const { host } = await hosted(t, { preload: ['nowhere'], config: { preload: { python: ['nowhere'] } } })
  assert.deepEqual(await saidBy(host), COLD)
  assert.deepEqual(host.parents.list(), [])
  const plan = await host.parents.lend(await host.planner.prepare(await requestOf(host)))
  assert.equal(
    plan.preload.reason,
    "there is no preloaded parent: cannot import nowhere: ModuleNotFoundError: No module named 'nowhere'",
  )
  const told = host.store.events.since(0, 100).filter(({ kind }) => kind === 'preload-failed')
  assert.deepEqual(
    told.map(({ subject, details }) => [subject, details]),
    [[HELLO, { modules: ['nowhere'], reason: plan.preload.reason, count: 1, againInMs: 60_000 }]],
  )
  const [finding] = preloadFindings(host)
  assert.equal(finding?.available, false)
  assert.match(String(finding?.detail), /^acme\/hello, at .*: there is no preloaded parent: cannot import nowhere/)
  const later = { ...host, now: () => new Date(Date.now() + 21 * 60_000) }
  assert.equal(preloadFindings(later)[0]?.available, true, 'it was long ago')
  const other = { ...host, config: { ...host.config, preload: { ...host.config.preload, python: ['json'] } } }
  assert.equal(preloadFindings(other)[0]?.available, true, 'it is not listed any more')
  const none = { ...host, config: { ...host.config, preload: { ...host.config.preload, python: [] } } }
  assert.deepEqual(preloadFindings(none), [])
})

test('a parent that died is followed by another', options, async (t) => {
  const { host } = await hosted(t)
  await saidBy(host)
  const [first] = host.parents.list()
  process.kill(Number(first?.pid), 'SIGKILL')
  await sleep(200)
  assert.deepEqual(await saidBy(host), COPIED)
  assert.notEqual(host.parents.list()[0]?.pid, first?.pid)
})

test('a parent that does not answer is a refusal, and is followed by another', options, async (t) => {
  const { host } = await hosted(t)
  await saidBy(host)
  const pid = interpreterBelow(Number(host.parents.list()[0]?.pid))
  process.kill(pid, 'SIGSTOP')
  const { outcome } = await ran(host)
  assert.deepEqual([outcome.outcome, outcome.error], ['refused', 'PRELOAD_FAILED'])
  assert.deepEqual(await saidBy(host), COPIED)
  assert.equal(existsSync(`/proc/${pid}`), false)
})

const childOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0])
const interpreterBelow = (launcher: number) => childOf(childOf(launcher))

test('another list is another parent; the old one ends with its last copy', options, async (t) => {
  const { host, configure } = await hosted(t, { preload: ['decimal', 'json'], script: `print(input())` })
  const run = await launch(host, HELLO, {}, () => true)
  await run.started
  const config = { ...host.config, preload: { ...host.config.preload, python: ['json'] } }
  const { planner } = await configure({ preload: { python: ['json'] } })
  const changed = { ...host, config, planner }
  const other = await launch(changed, HELLO, {}, () => true)
  assert.deepEqual(
    host.parents.list().map(({ modules, copies }) => [modules, copies]),
    [
      [['json'], 1],
      [['decimal', 'json'], 1],
    ],
  )
  for (const one of [run, other]) {
    one.stdin?.end('read\n')
    assert.equal(await text(one.stdout as NonNullable<typeof one.stdout>), 'read\n')
    await one.outcome
  }
  assert.deepEqual(
    host.parents.list().map(({ modules }) => modules),
    [['json']],
  )
})

test('one that nobody wants is ended after a while, and nothing of it is left', options, async (t) => {
  const { host } = await hosted(t)
  const parents = new PreloadParents({ spool: host.layout.spool, idleMs: 300 })
  t.after(() => parents.close())
  assert.deepEqual(await saidBy({ ...host, parents }), COPIED)
  const [{ pid } = { pid: 0 }] = parents.list()
  for (let tries = 0; tries < 50 && parents.list().length > 0; tries++) await sleep(50)
  assert.deepEqual(parents.list(), [])
  for (let tries = 0; tries < 50 && existsSync(`/proc/${pid}`); tries++) await sleep(50)
  assert.equal(existsSync(`/proc/${pid}`), false)
  assert.deepEqual(readdirSync(join(host.layout.spool, '_parents')), [])
})

test('there are no more than there may be', options, async (t) => {
  const { host } = await hosted(t)
  const parents = new PreloadParents({ spool: host.layout.spool, max: 1 })
  t.after(() => parents.close())
  const bounded = { ...host, parents }
  await saidBy(bounded)
  assert.deepEqual(await saidBy(bounded, OTHER), COPIED, 'an idle one gives way')
  assert.deepEqual(
    parents.list().map(({ name }) => name),
    [OTHER],
  )
})

test('closing ends parents and what came out of them', options, async (t) => {
  const { host } = await hosted(t, { script: `input()` })
  const run = await launch(host, HELLO, {}, () => true)
  const started = await run.started
  await host.parents.close()
  assert.equal((await run.outcome).signal, 'SIGKILL')
  assert.equal(existsSync(`/proc/${started?.pid}`), false)
  assert.deepEqual(host.parents.list(), [])
  const plan = await host.parents.lend(await host.planner.prepare(await requestOf(host)))
  assert.equal(plan.preload.reason, 'its manager has been closed')
})

test('limits, data, network and times of a preloaded run are its own', options, async (t) => {
  const script = `import json, os, resource, socket
open('/data/kept', 'a').write('x')
try: socket.create_connection(('1.1.1.1', 80), 2); reached = True
except OSError as error: reached = type(error).__name__
print(json.dumps([open('/data/kept').read(), resource.getrlimit(resource.RLIMIT_NOFILE)[0], reached, os.environ.get('PLUGIN_DATA'), 'OMP_NUM_THREADS' in os.environ]))`
  const { host } = await hosted(t, { script, manifest: { limits: { data: '16M', files: 77 } } })
  assert.deepEqual(JSON.parse((await ran(host)).stdout), ['x', 77, 'OSError', '/data', false])
  assert.deepEqual(JSON.parse((await ran(host)).stdout), ['xx', 77, 'OSError', '/data', false])
})

test('a host that has nothing else to do waits for the end of its parents', options, async (t) => {
  const { host } = await hosted(t)
  const module = (path: string) => JSON.stringify(new URL(`../../src/manager/${path}`, import.meta.url).href)
  const script = `
    const { openHost } = await import(${module('host.ts')})
    const { launch } = await import(${module('launch.ts')})
    const host = await openHost({ home: ${JSON.stringify(host.layout.home)} })
    const run = await launch(host, '${HELLO}', { stdio: { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } }, () => true)
    await run.outcome
    console.log('parents', host.parents.list().length)
    // Nothing that would keep this process is left of the run.
    await new Promise((done) => setTimeout(done, 200))
    await host.parents.close()
    console.log('closed')`
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; said: string }>()
  execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout, stderr) =>
    resolve({ code: error?.code ?? 0, said: stdout + stderr }),
  )
  assert.deepEqual(await promise, { code: 0, said: 'parents 1\nclosed\n' })
})
