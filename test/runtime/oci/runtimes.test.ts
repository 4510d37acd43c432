import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { prepareBundle } from '../../../src/runtime/oci/bundle-folder.ts'
import { faultOf, findRuntime, NATIVE, surveyEngine, versionOf } from '../../../src/runtime/oci/runtimes.ts'
import { planRun } from '../../../src/runtime/plan.ts'
import { makeHouse } from '../plan/house.ts'
import { inputOf } from '../plan/input.ts'

const facts = { mode: 'root', hierarchy: 'hybrid', mountinfo: '' } as const
const RUNC = { name: 'runc', binary: '/usr/sbin/runc', parents: [] } as const
const RUNSC = { name: 'runsc', binary: '/usr/bin/runsc', parents: [] } as const

test('our own launcher needs nothing', () => {
  assert.equal(surveyEngine('native', facts), NATIVE)
})

test('crun cannot work with hybrid cgroups, and says so', () => {
  assert.throws(() => surveyEngine('crun', facts), {
    code: 'ENGINE_UNAVAILABLE',
    message: 'cannot run with crun: it does not work with cgroups in hybrid mode',
  })
  assert.equal(faultOf('crun', { ...facts, hierarchy: 'v2' }), null)
  assert.equal(faultOf('runc', facts), null)
})

test('gVisor is refused, saying why and what to use', () => {
  for (const hierarchy of ['hybrid', 'v1', 'v2'] as const) {
    assert.throws(() => surveyEngine('runsc', { ...facts, hierarchy }), {
      code: 'ENGINE_UNAVAILABLE',
      message: /^cannot run with runsc: its plugins would have one uid on the host/,
      hint: /--engine runc/,
    })
  }
})

test('a runtime is root’s', () => {
  assert.throws(() => surveyEngine('runc', { ...facts, mode: 'user' }), { code: 'ENGINE_UNAVAILABLE', message: /root/ })
})

test('every hierarchy of v1 is a place to sweep', { skip: findRuntime('runc') ? false : 'there is no runc' }, () => {
  const mountinfo = [
    '25 24 0:22 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
    '26 24 0:23 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices',
    '27 24 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
  ].join('\n')
  const { parents, binary } = surveyEngine('runc', { ...facts, mountinfo })
  assert.deepEqual(parents, ['/sys/fs/cgroup/pids/bulkhead', '/sys/fs/cgroup/devices/bulkhead'])
  assert.match(versionOf(binary ?? '') ?? '', /^runc version /)
})

test('what an engine cannot give is refused by name, and goes without by name', () => {
  const asked = { engine: RUNSC }
  assert.throws(() => planRun(inputOf({}, asked)), {
    code: 'SANDBOX_UNAVAILABLE',
    message: /^cannot run acme\/tried with runsc: it cannot give uid, user-namespace, landlock$/,
    hint: /--engine runsc .*--weaker landlock/,
  })
  const plan = planRun(inputOf({}, { ...asked, weaker: ['uid', 'user-namespace', 'landlock'] }))
  assert.deepEqual(plan.weaker, ['uid', 'user-namespace', 'landlock'])
})

test('what every container has cannot be left out', () => {
  for (const layer of ['uid', 'mount-namespace', 'pid-namespace', 'no-new-privs']) {
    assert.throws(() => planRun(inputOf({}, { engine: RUNC, weaker: [layer] })), { code: 'USAGE' }, layer)
  }
})

test('a bundle tells the container’s first process no path of the host and no secret', (t) => {
  if (process.geteuid?.() !== 0) return t.skip('not root: the place of the container’s root is in /run')
  const input = { engine: RUNC, grants: { TOKEN: 'hush' }, data: '/home/data/mnt' }
  const plan = planRun(inputOf({ permissions: { env: ['TOKEN'] }, limits: { data: '4M' } }, input))
  const { home } = makeHouse(t).layout
  const calls = prepareBundle(plan, home, '/dist/bulkhead-launch')
  assert.equal(calls.create[0], '/usr/sbin/runc')
  // The plugin can read it too.
  assert.doesNotMatch(readFileSync(join(home, 'inside'), 'utf8'), /hush|\/home|\/sys\/|1879048192/)
  assert.match(readFileSync(join(home, 'config.json'), 'utf8'), /TOKEN=hush/)
})

test('the relay and the report of denials are the native engine’s', () => {
  const network = { permissions: { network: ['api.example.com:443'] } }
  assert.throws(() => planRun(inputOf(network, { engine: RUNC })), { code: 'NETWORK_UNAVAILABLE' })
  // Where the operator gives it none there is nothing to relay.
  assert.deepEqual(planRun(inputOf(network, { engine: RUNC, profile: 'strict' })).network.allow, [])
  assert.throws(() => planRun(inputOf({}, { engine: RUNC, reportDenials: true })), { code: 'USAGE' })
})
