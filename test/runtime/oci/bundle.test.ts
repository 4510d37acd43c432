import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleOf } from '../../../src/runtime/oci/bundle.ts'
import { planRun } from '../../../src/runtime/plan.ts'
import { inputOf } from '../plan/input.ts'

interface Mount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}
interface Bundle {
  readonly process: {
    readonly args: readonly string[]
    readonly env: readonly string[]
    readonly user: object
    readonly capabilities: Readonly<Record<string, readonly string[]>>
    readonly noNewPrivileges: boolean
    readonly terminal: boolean
  }
  readonly root: object
  readonly mounts: readonly Mount[]
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[]
    readonly uidMappings?: readonly { readonly containerID: number; readonly hostID: number; readonly size: number }[]
    readonly resources: Readonly<Record<string, unknown>>
    readonly cgroupsPath: string
  }
}

const PLACES = {
  launcher: '/dist/bulkhead-launch',
  inside: '/home/spool/r-1/inside',
  root: '/run/bulkhead',
  rootId: 7,
}
const bundle = (manifest: object = {}, rest: object = {}, places: object = {}): Bundle =>
  bundleOf(planRun(inputOf(manifest, rest)), { ...PLACES, ...places }) as unknown as Bundle

test('a container has no right at all', () => {
  const { process, root } = bundle()
  assert.deepEqual(process.capabilities, { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] })
  assert.equal(process.noNewPrivileges, true)
  assert.equal(process.terminal, false)
  assert.deepEqual(root, { path: '/run/bulkhead', readonly: true })
})

test('the plugin has one id of its own, and the container’s root has one that is not it', () => {
  const { linux, process } = bundle()
  assert.deepEqual(linux.uidMappings, [
    { containerID: 0, hostID: 7, size: 1 },
    { containerID: 1000, hostID: 1_879_048_192, size: 1 },
  ])
  assert.deepEqual(process.user, { uid: 1000, gid: 1000, umask: 0o77 })
})

test('without a user namespace it is the host’s id, and there is no mapping', () => {
  const { linux, process } = bundle({}, { weaker: ['user-namespace'] }, { rootId: null })
  assert.equal(linux.uidMappings, undefined)
  assert.ok(!linux.namespaces.some(({ type }) => type === 'user'))
  assert.deepEqual(process.user, { uid: 1_879_048_192, gid: 1_879_048_192, umask: 0o77 })
})

test('the mounts are the launcher’s own, in its order', () => {
  const reads = [{ outside: '/usr/share/zoneinfo', inside: '/usr/share/zoneinfo', executable: false }]
  const { mounts } = bundle({ entry: { runtime: 'node', path: 'm.js' } }, { data: '/home/data/mnt', reads })
  assert.deepEqual(
    mounts.map(({ destination, type }) => `${type} ${destination}`),
    [
      'bind /plugin',
      'tmpfs /usr',
      'bind /usr/bin/node',
      'bind /usr/lib/x86_64-linux-gnu/libc.so.6',
      'bind /usr/share/zoneinfo',
      'tmpfs /dev',
      'tmpfs /dev/shm',
      'bind /dev/init',
      'bind /dev/spec',
      'tmpfs /tmp',
      'bind /data',
      'proc /proc',
    ],
  )
})

test('only /tmp, /dev/shm and /data can be written, and nothing in them executed', () => {
  const { mounts } = bundle({}, { data: '/home/data/mnt' })
  for (const { destination, options } of mounts) {
    const isWritable = ['/tmp', '/dev/shm', '/data'].includes(destination)
    assert.equal(options.includes('ro'), !isWritable, destination)
    assert.ok(options.includes('nosuid'), destination)
    if (isWritable) assert.ok(options.includes('noexec') && options.includes('nodev'), destination)
  }
})

test('what is read is not executed, what is the interpreter’s is', () => {
  const reads = [{ outside: '/srv/a b', inside: '/srv/a b', executable: false }]
  const { mounts } = bundle({ entry: { runtime: 'node', path: 'm.js' } }, { reads })
  const optionsOf = (inside: string) => mounts.find(({ destination }) => destination === inside)?.options ?? []
  assert.equal(optionsOf('/srv/a b').includes('noexec'), true)
  assert.equal(optionsOf('/usr/bin/node').includes('noexec'), false)
})

test('odd characters in paths, arguments and values stay what they are', () => {
  const reads = [{ outside: '/srv/"\\,\n🎈', inside: '/srv/"\\,\n🎈', executable: false }]
  const { mounts, process } = bundle({ permissions: { env: ['X'] } }, { reads, grants: { X: 'a=b\n"' } })
  assert.ok(mounts.some(({ source }) => source === '/srv/"\\,\n🎈'))
  assert.ok(process.env.includes('X=a=b\n"'))
})

test('every namespace is the container’s own, but those gone without by name', () => {
  const all = ['pid', 'mount', 'uts', 'cgroup', 'network', 'ipc', 'user']
  assert.deepEqual(
    bundle().linux.namespaces.map(({ type }) => type),
    all,
  )
  const { namespaces } = bundle({}, { weaker: ['net-namespace', 'ipc-namespace'] }).linux
  assert.deepEqual(
    namespaces.map(({ type }) => type),
    all.filter((type) => type !== 'network' && type !== 'ipc'),
  )
})

test('limits are the plan’s, in the cgroup that the launcher makes', () => {
  const { cgroupsPath, resources } = bundle({ limits: { memory: '64M', processes: 200, cpu: 0.25 } }).linux
  assert.equal(cgroupsPath, '/bulkhead/bulkhead-r-1')
  assert.deepEqual(resources, {
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: 64 * 2 ** 20 },
    pids: { limit: 201 },
    cpu: { quota: 25_000, period: 100_000 },
  })
  assert.deepEqual(bundle({}, { weaker: ['memory', 'processes', 'cpu'] }).linux.resources, {
    devices: [{ allow: false, access: 'rwm' }],
  })
})

test('the container’s first process is ours, and is told nothing on its command line', () => {
  assert.deepEqual(bundle({}, { args: ['secret'] }).process.args, ['/dev/init', '--inside', '/dev/spec'])
})
