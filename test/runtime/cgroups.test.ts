import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { prepareCgroups, surveyCgroups } from '../../src/runtime/cgroup-parents.ts'
import { type Mode, parseSelfCgroup, planCgroups } from '../../src/runtime/cgroups.ts'
import { parentsOf } from '../../src/runtime/leaves.ts'
import { isProcMasked, parseMountinfo } from '../../src/runtime/mountinfo.ts'
import * as hosts from './cgroups/hosts.ts'

const plan = (host: hosts.Host, mode: Mode = 'root') =>
  planCgroups({
    systemd: { booted: false, bus: false, user: false },
    ...host,
    mode,
    uid: mode === 'root' ? 0 : 1000,
    look: hosts.lookIn(host),
  })
const missing = (host: hosts.Host, mode?: Mode) => plan(host, mode).missing.map((lack) => lack.limit)

test('root on systemd with cgroup v2 gets a parent at the top, with the controllers passed on', () => {
  const { hierarchy, cgroup2, cgroup2Controllers, cgroup1, missing, steps } = plan(hosts.DEBIAN)
  assert.equal(hierarchy, 'v2')
  assert.equal(cgroup2, '/sys/fs/cgroup/bulkhead')
  assert.deepEqual(cgroup2Controllers, ['memory', 'pids', 'cpu', 'io'])
  assert.deepEqual(cgroup1, {})
  assert.deepEqual(missing, [])
  assert.deepEqual(steps, [
    { step: 'make', directory: '/sys/fs/cgroup/bulkhead' },
    { step: 'enable', directory: '/sys/fs/cgroup/bulkhead', controllers: ['memory', 'pids', 'cpu', 'io'] },
  ])
})

test('a prepared parent needs no step at all', () => {
  const ready = { controllers: ['memory', 'pids', 'cpu', 'io'], enabled: ['memory', 'pids', 'cpu', 'io'] }
  const host = { ...hosts.DEBIAN, folders: { ...hosts.DEBIAN.folders, '/sys/fs/cgroup/bulkhead': ready } }
  assert.deepEqual(plan(host).steps, [])
})

test('the real root may pass controllers on although processes sit in it', () => {
  const bare = { '/sys/fs/cgroup': { controllers: ['memory', 'pids', 'cpu', 'io'], occupied: true, top: true } }
  const { steps, missing } = plan({ ...hosts.DEBIAN, folders: bare })
  assert.deepEqual(missing, [])
  assert.deepEqual(steps[0], {
    step: 'enable',
    directory: '/sys/fs/cgroup',
    controllers: ['memory', 'pids', 'cpu', 'io'],
  })
})

const USER_UNIT = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/bulkhead.service'

test('an ordinary user gets a parent in a unit of the own systemd, which is started first', () => {
  const { cgroup2, cgroup2Controllers, missing, adopt, steps } = plan(hosts.DEBIAN_USER, 'user')
  assert.equal(cgroup2, `${USER_UNIT}/bulkhead`)
  assert.deepEqual(cgroup2Controllers, ['memory', 'pids', 'cpu', 'io'])
  assert.deepEqual(missing, [])
  assert.equal(adopt, false)
  assert.deepEqual(steps, [
    { step: 'start', directory: USER_UNIT },
    { step: 'vacate', directory: USER_UNIT },
    { step: 'enable', directory: USER_UNIT, controllers: ['memory', 'pids', 'cpu', 'io'] },
    { step: 'make', directory: `${USER_UNIT}/bulkhead` },
    { step: 'enable', directory: `${USER_UNIT}/bulkhead`, controllers: ['memory', 'pids', 'cpu', 'io'] },
  ])
})

test('a unit that runs costs no step', () => {
  const { cgroup2, steps, adopt } = plan(hosts.DEBIAN_USER_AGAIN, 'user')
  assert.equal(cgroup2, `${USER_UNIT}/bulkhead`)
  assert.deepEqual(steps, [])
  assert.equal(adopt, false)
})

test('a unit that another run is about to start is waited for, and taken the rest of the way', () => {
  const fresh = { controllers: ['cpu', 'memory', 'pids'], occupied: true }
  const folders = { ...hosts.DEBIAN_USER.folders, [USER_UNIT]: fresh }
  assert.deepEqual(
    plan({ ...hosts.DEBIAN_USER, folders }, 'user').steps.map((step) => step.step),
    ['start', 'vacate', 'enable', 'make', 'enable'],
  )
})

test('where no systemd is to be asked, the parent is in the highest cgroup that was delegated', () => {
  const { cgroup2, cgroup2Controllers, missing } = plan(hosts.DELEGATED_BY_HAND, 'user')
  assert.equal(cgroup2, '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/bulkhead')
  assert.deepEqual(cgroup2Controllers, ['memory', 'pids', 'cpu', 'io'])
  assert.deepEqual(missing, [])
})

test('a service with a delegated cgroup moves its own processes aside, and nobody else’s', () => {
  const service = '/sys/fs/cgroup/system.slice/host.service'
  const { cgroup2, missing: lacks, steps } = plan(hosts.SERVICE_OF_USER, 'user')
  assert.equal(cgroup2, `${service}/bulkhead`)
  assert.deepEqual(lacks, [])
  assert.deepEqual(steps[0], { step: 'vacate', directory: service })

  const folders = {
    ...hosts.SERVICE_OF_USER.folders,
    [service]: { controllers: ['memory'], occupied: true, movable: false },
  }
  assert.deepEqual(missing({ ...hosts.SERVICE_OF_USER, folders }, 'user'), ['memory', 'processes', 'cpu', 'io'])
})

test('a delegation without cpu and io is missing those two alone, and the remedy is the unit file', () => {
  const { missing } = plan(hosts.DEBIAN_USER_WITHOUT_CPU, 'user')
  assert.deepEqual(
    missing.map((lack) => lack.limit),
    ['cpu', 'io'],
  )
  assert.match(missing[0]?.remedy ?? '', /user@\.service\.d.*Delegate=cpu cpuset io memory pids/)
})

test('from a login session the launcher has to be moved into the unit', () => {
  const { cgroup2, missing: lacks, adopt } = plan(hosts.DEBIAN_SESSION, 'user')
  assert.equal(cgroup2, `${USER_UNIT}/bulkhead`)
  assert.equal(adopt, true)
  assert.deepEqual(lacks, [])
})

test('without a system bus nobody can move it, and that is what is said', () => {
  const host = { ...hosts.DEBIAN_SESSION, systemd: { ...hosts.SYSTEMD, bus: false } }
  assert.equal(plan(host, 'user').cgroup2, null)
  assert.match(plan(host, 'user').missing[0]?.remedy ?? '', /install dbus$/)
})

test('a user whose systemd does not run is told to start it; without systemd, to be given a cgroup', () => {
  const remedyOf = (systemd: object) => {
    const { missing } = plan(
      { ...hosts.DEBIAN_SESSION, systemd: { ...hosts.SYSTEMD, user: false, ...systemd } },
      'user',
    )
    assert.deepEqual(
      missing.map((lack) => lack.limit),
      ['memory', 'processes', 'cpu', 'io'],
    )
    return missing[0]?.remedy ?? ''
  }
  assert.equal(remedyOf({}), 'sudo loginctl enable-linger 1000')
  assert.match(remedyOf({ booted: false }), /^sudo sh -c .*chown 1000 .*\$\$/)
})

test('hybrid: limits below the own v1 cgroups, and a unified leaf for kill alone', () => {
  const { hierarchy, cgroup2, cgroup2Controllers, cgroup1, missing, steps } = plan(hosts.HYBRID)
  assert.equal(hierarchy, 'hybrid')
  assert.equal(cgroup2, '/sys/fs/cgroup/unified/bulkhead')
  assert.deepEqual(cgroup2Controllers, [])
  assert.deepEqual(cgroup1, {
    memory: '/sys/fs/cgroup/memory/user.slice/bulkhead',
    pids: '/sys/fs/cgroup/pids/user.slice/user-0.slice/bulkhead',
    cpu: '/sys/fs/cgroup/cpu,cpuacct/user.slice/bulkhead',
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct/user.slice/bulkhead',
    blkio: '/sys/fs/cgroup/blkio/bulkhead',
  })
  assert.deepEqual(missing, [])
  assert.deepEqual(
    steps.map((step) => step.directory),
    [
      '/sys/fs/cgroup/unified/bulkhead',
      '/sys/fs/cgroup/pids/user.slice/user-0.slice/bulkhead',
      '/sys/fs/cgroup/cpu,cpuacct/user.slice/bulkhead', // once, though two controllers share it; memory's is there
      '/sys/fs/cgroup/blkio/bulkhead',
    ],
  )
})

test('hybrid with a mount for every controller', () => {
  const { hierarchy, cgroup1, missing } = plan(hosts.SPLIT)
  assert.equal(hierarchy, 'hybrid')
  assert.equal(cgroup1.memory, '/sys/fs/cgroup/memory/service/8982/bulkhead')
  assert.equal(cgroup1.cpuacct, '/sys/fs/cgroup/cpuacct/bulkhead')
  assert.deepEqual(missing, [])
})

test('an ordinary user on v1 is told the folder to hand over', () => {
  const host = { ...hosts.SPLIT, folders: { '/sys/fs/cgroup/pids': { writable: false } } }
  const lack = plan(host, 'user').missing.find((one) => one.limit === 'processes')
  assert.equal(lack?.remedy, 'sudo install -d -o 1000 /sys/fs/cgroup/pids/bulkhead-1000/bulkhead')
  const given = { ...host.folders, '/sys/fs/cgroup/pids/bulkhead-1000/bulkhead': {} }
  const { cgroup1, missing: lacks } = plan({ ...host, folders: given }, 'user')
  assert.equal(cgroup1.pids, '/sys/fs/cgroup/pids/bulkhead-1000/bulkhead')
  assert.ok(!lacks.some((one) => one.limit === 'processes'))
})

test('Docker: a read-only hierarchy holds nothing, and says what would', () => {
  for (const host of [hosts.DOCKER_V2, hosts.DOCKER_V1]) {
    assert.deepEqual(missing(host), ['memory', 'processes', 'cpu', 'io'])
    assert.match(plan(host).missing[0]?.remedy ?? '', /container/)
  }
})

test('Docker --privileged: processes at the top forbid passing controllers on, so they have to move first', () => {
  const { missing, steps } = plan(hosts.DOCKER_PRIVILEGED)
  assert.deepEqual(
    missing.map((lack) => lack.limit),
    ['memory', 'processes', 'cpu', 'io'],
  )
  assert.match(missing[0]?.reason ?? '', /processes of its own/)
  assert.match(missing[0]?.remedy ?? '', /supervisors\/cgroup\.procs; done$/)
  assert.ok(!steps.some((step) => step.step === 'enable'))
})

test('alone at the top of its container, a process goes below and the controllers are passed on', () => {
  for (const mode of ['root', 'user'] as const) {
    const { missing, steps } = plan(hosts.DOCKER_WRITABLE, mode)
    assert.deepEqual(missing, [])
    assert.deepEqual(steps, [
      { step: 'vacate', directory: '/sys/fs/cgroup' },
      { step: 'enable', directory: '/sys/fs/cgroup', controllers: ['memory', 'pids', 'cpu', 'io'] },
      { step: 'make', directory: '/sys/fs/cgroup/bulkhead' },
      { step: 'enable', directory: '/sys/fs/cgroup/bulkhead', controllers: ['memory', 'pids', 'cpu', 'io'] },
    ])
  }
})

test('a read-only hierarchy is remedied in the words of who made the container', () => {
  const remedy = (maker: 'docker' | 'podman' | 'kubernetes' | null) =>
    planCgroups({
      ...hosts.DOCKER_V2,
      mode: 'root',
      uid: 0,
      systemd: { booted: false, bus: false, user: false },
      look: hosts.lookIn(hosts.DOCKER_V2),
      maker: () => maker,
    }).missing[0]?.remedy ?? ''
  assert.match(remedy('docker'), /^docker run .*writable-cgroups=true/)
  assert.match(remedy('podman'), /^podman run .*unmask=\/sys\/fs\/cgroup/)
  assert.match(remedy('kubernetes'), /cgroup_writable = true/)
  assert.match(remedy(null), /^start the container with --cgroupns=private/)
})

test('an empty v2 mount holds nothing and names the boot parameter', () => {
  const { missing } = plan(hosts.EMPTY_V2)
  assert.deepEqual(
    missing.map((lack) => lack.limit),
    ['memory', 'processes', 'cpu', 'io'],
  )
  assert.match(missing[0]?.remedy ?? '', /cgroup_no_v1=all/)
})

test('no cgroups at all', () => {
  const { hierarchy, missing } = plan({ mountinfo: '', selfCgroup: '', folders: {} })
  assert.equal(hierarchy, 'none')
  assert.equal(missing.length, 4)
})

test('mountinfo: blanks and backslashes come as octal, optional fields in any number', () => {
  const [mount, ...rest] = parseMountinfo(
    '36 35 98:0 /m\\040nt1 /mnt\\0112\\134 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\nbroken line\n',
  )
  assert.deepEqual(mount, {
    root: '/m nt1',
    point: '/mnt\t2\\',
    type: 'ext3',
    source: '/dev/root',
    options: ['rw', 'noatime', 'rw', 'errors=continue'],
  })
  assert.deepEqual(rest, [])
})

test('a cgroup outside of what is mounted is not looked for', () => {
  const host = { ...hosts.SPLIT, selfCgroup: '4:memory:/../../elsewhere\n8:pids:/\n1:cpu:/\n2:cpuacct:/\n0::/\n' }
  const folders = { ...host.folders, '/sys/fs/cgroup/memory': {} }
  assert.equal(plan({ ...host, folders }).cgroup1.memory, '/sys/fs/cgroup/memory/bulkhead')
})

test('/proc/self/cgroup: names with colons and joined controllers', () => {
  const own = parseSelfCgroup('2:cpu,cpuacct:/a:b\n1:name=systemd:/init.scope\n0::/x\n')
  assert.equal(own.get('cpuacct'), '/a:b')
  assert.equal(own.get(''), '/x')
})

test('a masked /proc is told from an ordinary one', () => {
  const proc = '22 28 0:20 / /proc rw - proc proc rw\n'
  const binfmt = '23 22 0:21 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n'
  const masked = '24 22 0:22 / /proc/kcore ro - tmpfs tmpfs rw\n'
  assert.equal(isProcMasked(parseMountinfo(proc + binfmt)), false)
  assert.equal(isProcMasked(parseMountinfo(proc + binfmt + masked)), true)
})

const skip = process.geteuid?.() === 0 ? false : 'not root: parents cannot be made'
test('the parents of this host can be made, twice', { skip }, async (t) => {
  const here = surveyCgroups({ mode: 'root', uid: 0 })
  if (here.missing.length > 0) return t.skip(`this host lacks ${here.missing.map((lack) => lack.limit).join(', ')}`)
  await prepareCgroups(here)
  await prepareCgroups(here)
  const again = surveyCgroups({ mode: 'root', uid: 0 })
  assert.deepEqual(again.steps, [])
  for (const parent of parentsOf(again)) assert.ok(existsSync(parent), parent)
})
