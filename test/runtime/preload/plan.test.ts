import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planRun } from '../../../src/runtime/plan.ts'
import { planParent } from '../../../src/runtime/preload/parent-plan.ts'
import { encodeSpec } from '../../../src/runtime/spec.ts'
import { launcherPath } from '../launcher/launch.ts'
import { inputOf } from '../plan/input.ts'

const PYTHON = {
  kind: 'python',
  exec: '/usr/bin/python3',
  leading: ['/usr/bin/python3'],
  version: '3.11.2',
  binds: [{ outside: '/usr/bin/python3.11', inside: '/usr/bin/python3', executable: true }],
} as const
const WANTS = {
  entry: { runtime: 'python', path: 'main.py', preload: ['pandas', 'json'] },
  permissions: { env: ['TOKEN'] },
}
const GIVEN = {
  interpreter: PYTHON,
  preload: { python: ['json', 'pandas', 'numpy'], memoryBytes: 2 ** 28 },
  grants: { TOKEN: 'secret' },
  args: ['secret'],
} as const

const planned = (rest: object = {}, wants: object = WANTS) => planRun(inputOf(wants, { ...GIVEN, ...rest })).preload

test('what both name, in the order of the manifest', () => {
  assert.deepEqual(planned(), {
    modules: ['pandas', 'json'],
    reason: null,
    memoryBytes: 2 ** 28,
    binds: PYTHON.binds,
    parent: null,
  })
  assert.deepEqual(planned({ preload: { ...GIVEN.preload, python: ['json'] } }).modules, ['json'])
})

test('a manifest that names none needs no reason', () => {
  const { modules, reason } = planned({}, { entry: { runtime: 'python', path: 'main.py' } })
  assert.deepEqual([modules, reason], [[], null])
})

const { cgroups } = inputOf({})
const COLD: Readonly<Record<string, [rest: object, reason: string]>> = {
  'an operator who lists nothing': [
    { preload: { python: [], memoryBytes: 1 } },
    'preload.python in config.json lists none of what the manifest names',
  ],
  'an ordinary user': [
    { ids: { mode: 'user', uid: 1000, gid: 1000, idmap: 'helper' } },
    'an ordinary user cannot give a parent and its copies what each of them needs',
  ],
  'an OCI runtime': [{ engine: { name: 'runc', binary: '/usr/bin/runc', parents: [] } }, 'runc builds its sandbox'],
  'a layer less': [{ weaker: ['seccomp'] }, 'it goes without the layer seccomp'],
  'a limit that is not held': [
    { cgroups: { ...cgroups, missing: [{ limit: 'cpu', reason: 'none', remedy: 'none' }] } },
    'it goes without the layer cpu',
  ],
  'denials that are reported': [{ reportDenials: true }, 'what it is denied is reported'],
  'no cgroup v2': [
    { cgroups: { ...cgroups, cgroup2: null } },
    'no cgroup v2 hierarchy is mounted, and a copy is cloned into a leaf of one',
  ],
  'a masked /proc': [{ procMasked: true }, '/proc is masked here, and the parent of a sandbox needs one of its own'],
}

for (const [what, [rest, reason]] of Object.entries(COLD))
  test(`${what}: a cold start, and the reason`, () => {
    assert.deepEqual(planned(rest), { modules: [], reason, memoryBytes: 0, binds: [], parent: null })
  })

test('a parent is told of its interpreter and of the modules, and of nothing else', () => {
  const plan = planRun(
    inputOf(WANTS, { ...GIVEN, data: '/home/data', reads: [{ outside: '/srv', inside: '/srv', executable: false }] }),
  )
  const parent = planParent(plan, { run: 'p-1', folder: '/home/f', root: '/home/f/root', launcher: launcherPath() })
  const words = encodeSpec(parent, { control: true }).toString('utf8').split('\0')
  assert.deepEqual(
    words.filter((word) => /secret|\/plugin|\/data|\/srv|TOKEN|tmp-bytes|PLUGIN|network|log-file|acme.*=/.test(word)),
    [],
  )
  assert.ok(words.includes('preload-parent=/home/f') && words.includes('memory-bytes=268435456'))
  assert.deepEqual(
    words.filter((word) => word.startsWith('arg=')),
    ['/usr/bin/python3', '-s', '-E', '-B', '/bulkhead/parent.py', 'pandas', 'json'].map((word) => `arg=${word}`),
  )
  assert.deepEqual(
    words.filter((word) => word.startsWith('bind')).map((word) => word.split('\t')[1]),
    ['/usr/bin/python3', ...['bulkhead-launch', 'bulkhead_parent.so', 'parent.py'].map((name) => `/bulkhead/${name}`)],
  )
})
