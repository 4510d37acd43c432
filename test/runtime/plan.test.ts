import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CgroupLimit } from '../../src/runtime/cgroups.ts'
import { planRun, redact } from '../../src/runtime/plan.ts'
import { inputOf, NODE } from './plan/input.ts'

const NODE_ENTRY = { entry: { runtime: 'node', path: 'main.js', args: ['--fixed'] } }
const bind = (path: string) => ({ outside: path, inside: path, executable: false })

test('a static program gets no host file, no skeleton, and its own argv', () => {
  const plan = planRun(inputOf({}, { args: ['a b', ''] }))
  assert.equal(plan.exec, '/plugin/bin/x')
  assert.deepEqual(plan.argv, ['/plugin/bin/x', 'a b', ''])
  assert.deepEqual(plan.binds, [])
  assert.deepEqual(plan.skeletons, [])
  assert.equal(plan.root, '/home/p/1.2.3-abc/root')
  assert.equal(plan.cwd, '/plugin')
})

test('the environment is built from nothing', () => {
  assert.deepEqual(planRun(inputOf({})).env, {
    PATH: '/usr/bin:/bin',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    PLUGIN_NAME: 'acme/tried',
    PLUGIN_VERSION: '1.2.3',
  })
})

test('only variables that the manifest names and the operator grants are passed on', () => {
  const asked = { permissions: { env: ['API_TOKEN', 'REGION'] } }
  const plan = planRun(inputOf(asked, { grants: { API_TOKEN: 'secret', HOST_ONLY: 'x', toString: 'y' } }))
  assert.equal(plan.env.API_TOKEN, 'secret')
  assert.ok(!('REGION' in plan.env) && !('HOST_ONLY' in plan.env))
  assert.deepEqual(plan.granted, ['API_TOKEN'])
})

test('a plan that is shown hides what the operator granted', () => {
  const plan = planRun(inputOf({ permissions: { env: ['API_TOKEN'] } }, { grants: { API_TOKEN: 'secret' } }))
  assert.ok(!JSON.stringify(redact(plan)).includes('secret'))
  assert.equal(redact(plan).env.API_TOKEN, '(granted)')
})

test('a plan is data: JSON gives it back', () => {
  const plan = planRun(inputOf(NODE_ENTRY))
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan)
})

test('each limit says where it came from', () => {
  const plan = planRun(inputOf({ ...NODE_ENTRY, limits: { memory: '4G', tmp: '8M' } }))
  assert.deepEqual(plan.limits.memoryBytes, { value: 2 ** 30, from: 'ceiling' })
  assert.deepEqual(plan.limits.tmpBytes, { value: 8 * 2 ** 20, from: 'manifest' })
  assert.deepEqual(plan.limits.processesMax, { value: 64, from: 'runtime' })
  assert.deepEqual(plan.cuts, [{ limit: 'memoryBytes', asked: 4 * 2 ** 30, given: 2 ** 30 }])
})

test('Node is told a heap that fits its memory limit, before the entry', () => {
  const plan = planRun(inputOf({ ...NODE_ENTRY, limits: { memory: '128M' } }, { args: ['--user'] }))
  assert.deepEqual(plan.argv, [
    '/usr/bin/node',
    '--max-old-space-size=116',
    '--max-semi-space-size=2',
    '--heap-growing-percent=15',
    '--no-global-search-paths',
    '/plugin/main.js',
    '--fixed',
    '--user',
  ])
  assert.deepEqual(plan.skeletons, ['/usr'])
})

test('Python runs without user site, PYTHON variables and .pyc, but with its own folder on sys.path', () => {
  const interpreter = { ...NODE, kind: 'python', exec: '/usr/bin/python3', leading: ['/usr/bin/python3'] } as const
  const plan = planRun(inputOf({ entry: { runtime: 'python', path: 'main.py' } }, { interpreter }))
  assert.deepEqual(plan.argv, ['/usr/bin/python3', '-s', '-E', '-B', '/plugin/main.py'])
  assert.equal(plan.env.PYTHONDONTWRITEBYTECODE, '1')
})

test('a script keeps the argument of its first line', () => {
  const interpreter = {
    kind: 'script',
    exec: '/usr/bin/sh',
    leading: ['/bin/sh', '-e'],
    version: null,
    binds: [],
  } as const
  const plan = planRun(inputOf({}, { interpreter, args: ['x'] }))
  assert.deepEqual(plan.argv, ['/bin/sh', '-e', '/plugin/bin/x', 'x'])
  assert.equal(plan.exec, '/usr/bin/sh')
})

test('PLUGIN_DATA is there when there is a /data', () => {
  assert.equal(planRun(inputOf({}, { data: '/home/data/mnt' })).env.PLUGIN_DATA, '/data')
  assert.equal(planRun(inputOf({})).env.PLUGIN_DATA, undefined)
})

const ASKING = { permissions: { network: ['api.example.com:443'] } }
const BUNDLE = '/usr/share/ca/bundle.crt'

test('a network is in the plan with where each line came from', () => {
  const { network } = planRun(inputOf(ASKING))
  assert.deepEqual(network.allow, [{ to: 'api.example.com:443', from: 'manifest' }])
  const strict = planRun(inputOf(ASKING, { profile: 'strict', certificates: BUNDLE }))
  assert.deepEqual(strict.network.cuts, ['api.example.com:443'])
  assert.deepEqual(strict.binds, [], 'and what belongs to a network goes with it')
})

test('a network takes a namespace of its own', () => {
  const shared = { weaker: ['net-namespace'] }
  assert.throws(() => planRun(inputOf(ASKING, shared)), { code: 'USAGE', message: /acme\/tried.*net-namespace/ })
  assert.deepEqual(planRun(inputOf(ASKING, { ...shared, profile: 'strict' })).weaker, ['net-namespace'])
  assert.deepEqual(planRun(inputOf({}, shared)).weaker, ['net-namespace'])
})

test('with a network the host’s certificate authorities are where libraries look, and /etc keeps its files', () => {
  const plan = planRun(inputOf(ASKING, { certificates: BUNDLE }))
  const inside = (outside: string) => plan.binds.filter((one) => one.outside === outside).map((one) => one.inside)
  assert.deepEqual(inside(BUNDLE), [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/ssl/cert.pem',
    '/usr/lib/ssl/cert.pem',
    '/etc/pki/tls/cert.pem',
  ])
  assert.deepEqual(inside('/home/p/1.2.3-abc/root/etc/hosts'), ['/etc/hosts'])
  assert.deepEqual(inside('/home/p/1.2.3-abc/root/etc/resolv.conf'), ['/etc/resolv.conf'])
  assert.ok(plan.binds.every(({ executable }) => !executable))
  assert.deepEqual(planRun(inputOf({}, { certificates: BUNDLE })).binds, [], 'without a network there are none')
})

test('a path of the host below /etc leaves the other files of /etc in place, and stands above ours', () => {
  const plan = planRun(inputOf({}, { reads: [bind('/etc/hosts')] }))
  assert.deepEqual(
    plan.binds.map(({ outside }) => outside),
    ['/etc/hosts', ...['group', 'nsswitch.conf', 'passwd', 'resolv.conf'].map((file) => `${plan.root}/etc/${file}`)],
  )
  const folder = planRun(inputOf(ASKING, { certificates: BUNDLE, reads: [bind('/etc/ssl')] }))
  assert.deepEqual(
    folder.binds.filter(({ outside }) => outside === BUNDLE).map(({ inside }) => inside),
    ['/usr/lib/ssl/cert.pem', '/etc/pki/tls/cert.pem'],
  )
})

for (const limit of ['memory', 'processes', 'cpu'] as const satisfies readonly CgroupLimit[]) {
  const cgroups = {
    ...inputOf({}).cgroups,
    missing: [{ limit, reason: 'there is no cgroup for it', remedy: 'mount one' }],
  }
  if (limit === 'cpu') {
    test('a host without the cpu controller runs plugins, and the run is recorded as weaker', () => {
      const plan = planRun(inputOf({}, { cgroups }))
      assert.deepEqual(plan.weaker, ['cpu'])
      assert.equal(plan.unenforced[0]?.remedy, 'mount one')
    })
  } else {
    test(`a host that cannot hold the ${limit} limit is refused with the remedy, unless weakened by name`, () => {
      assert.throws(() => planRun(inputOf({}, { cgroups })), { code: 'SANDBOX_UNAVAILABLE', hint: 'mount one' })
      assert.deepEqual(planRun(inputOf({}, { cgroups, weaker: [limit] })).weaker, [limit])
    })
  }
}

test('a disk that cannot be limited is named, and no layer is missing', () => {
  const lack = { limit: 'io', reason: 'it is not delegated', remedy: 'delegate it' } as const
  const without = planRun(inputOf({}, { cgroups: { ...inputOf({}).cgroups, missing: [lack] } }))
  assert.deepEqual([without.disks, without.weaker, without.unenforced], [[], [], [lack]])
  const disks = { devices: ['8:0'], reason: '/net/x lies on nfs4, which is no block device' }
  const partly = planRun(inputOf({}, { disks }))
  assert.deepEqual([partly.disks, partly.weaker], [['8:0'], []])
  assert.equal(partly.unenforced[0]?.reason, disks.reason)
  const all = planRun(inputOf({}))
  assert.deepEqual([all.disks, all.unenforced], [['254:0'], []])
})

test('an effective limit below what the runtime needs is refused', () => {
  const input = inputOf(NODE_ENTRY)
  const limits = { ...input.limits, limits: { ...input.limits.limits, memoryBytes: 64 * 2 ** 20 } }
  assert.throws(() => planRun({ ...input, limits }), { code: 'LIMIT_TOO_SMALL' })
})

test('folders that the plugin may read come after what it runs on, each once', () => {
  const reads = [bind('/usr/share/zoneinfo'), bind('/opt/words'), bind('/usr/share/zoneinfo')]
  const plan = planRun(inputOf(NODE_ENTRY, { reads }))
  assert.deepEqual(
    plan.binds.slice(2).map((one) => one.inside),
    ['/usr/share/zoneinfo', '/opt/words'],
  )
  assert.deepEqual(plan.skeletons, ['/usr', '/opt'])
})

test('a folder above the files it runs on cannot be shown', () => {
  assert.throws(() => planRun(inputOf(NODE_ENTRY, { reads: [bind('/usr/bin')] })), { code: 'READ_REFUSED' })
})

test('Landlock is required unless weakened by name; Unix sockets are for grpc alone', () => {
  assert.equal(planRun(inputOf({})).landlockAbi, 1)
  assert.equal(planRun(inputOf({}, { weaker: ['landlock'] })).landlockAbi, 0)
  assert.equal(planRun(inputOf({})).unixSockets, false)
  assert.equal(planRun(inputOf({ protocol: 'grpc' })).unixSockets, true)
})

test('where /proc is masked the plan goes without', () => {
  assert.equal(planRun(inputOf({}, { procMasked: true })).proc, false)
})

test('a run has a plain name', () => {
  for (const run of ['', 'UPPER', 'a/b', 'a\nb', 'x'.repeat(65)]) {
    assert.throws(() => planRun(inputOf({}, { run })), { code: 'USAGE' }, JSON.stringify(run))
  }
})
