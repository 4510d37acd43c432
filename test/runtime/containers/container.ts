// A container as `docker run` makes one, by Debian's runc: the same capabilities, mounts, masks and devices. Its tree is
// this host's /usr and this checkout, read-only.

import { execFile, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { Profile } from './profiles.ts'

export const PROJECT = resolve(import.meta.dirname, '../../..')
/** Where the checkout is inside. */
export const INSIDE = '/opt/bulkhead'

export const DOCKERS_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
].map((name) => `CAP_${name}`)

export interface ContainerOptions {
  readonly uid: number
  readonly seccomp: Profile | null
  readonly capabilities?: readonly string[]
  /** May the container make cgroups of its own? */
  readonly delegated: boolean
  /** Is /proc covered, as Docker does? */
  readonly masked: boolean
  readonly noNewPrivileges?: boolean
  /** newuidmap as Debian has it, set-user-id, and not with file capabilities as docs/containers.md says. */
  readonly setuidHelpers?: boolean
  /** Ids of the host that the container's own are, as with `userns-remap`. */
  readonly remap?: { readonly first: number; readonly count: number }
  /** Folders of the host that it shows: inside, outside. */
  readonly volumes?: Readonly<Record<string, string>>
  readonly args: readonly string[]
}

const run = promisify(execFile)

/** Why there can be no container here, for a test's `skip`. */
export const cannotContain: string | false =
  process.geteuid?.() !== 0
    ? 'needs root: runc is run by it'
    : !existsSync('/usr/sbin/runc') && !existsSync('/usr/bin/runc')
      ? 'there is no runc (Debian: runc)'
      : !existsSync(join(PROJECT, 'dist/js/cli.js')) && 'needs the build (npm run build)'

let tree: string | undefined
let count = 0

/** The root file system: mount points, and the few files that differ from the host's. */
function rootfs(): string {
  if (tree) return tree
  tree = mkdtempSync(join(tmpdir(), 'bulkhead-rootfs-'))
  chmodSync(tree, 0o755)
  process.on('exit', () => rmSync(tree as string, { recursive: true, force: true }))
  for (const folder of ['proc', 'sys', 'dev', 'tmp', 'usr', 'etc', 'var/lib', 'home/app', 'volume', INSIDE.slice(1)])
    mkdirSync(join(tree, folder), { recursive: true })
  chmodSync(join(tree, 'tmp'), 0o1777) // runc 1.1 gives a tmpfs the mode of the folder below it
  for (const name of ['bin', 'lib', 'lib64', 'sbin'])
    if (existsSync(`/usr/${name}`)) symlinkSync(`usr/${name}`, join(tree, name))
  const files = {
    passwd: 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n',
    group: 'root:x:0:\napp:x:1000:\n',
    subuid: 'app:100000:65536\n',
    subgid: 'app:100000:65536\n',
    hosts: '127.0.0.1 localhost\n',
    'ld.so.cache': '',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(tree, 'etc', name), text)
  return tree
}

/** What `setcap cap_setuid=ep` does; Node has no call for extended attributes. */
const SETCAP = `
import os, struct, sys
for path, number in ((sys.argv[1], 7), (sys.argv[2], 6)):
    os.chmod(path, 0o755)
    os.setxattr(path, 'security.capability', struct.pack('<5I', 0x02000001, 1 << number, 0, 0, 0))
`
const HELPERS = ['newuidmap', 'newgidmap']

function capableHelpers(): string {
  const folder = join(rootfs(), 'helpers')
  if (existsSync(folder)) return folder
  mkdirSync(folder)
  for (const name of HELPERS) copyFileSync(`/usr/bin/${name}`, join(folder, name))
  execFileSync('/usr/bin/python3', ['-c', SETCAP, ...HELPERS.map((name) => join(folder, name))])
  return folder
}

const bind = (outside: string, inside: string, ...options: string[]) => ({
  destination: inside,
  type: 'bind',
  source: outside,
  options: ['rbind', ...options],
})
const tmpfs = (inside: string, ...options: string[]) => ({
  destination: inside,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
})

function configOf(options: ContainerOptions, cgroup: string): object {
  const { uid, seccomp, capabilities = DOCKERS_CAPABILITIES, delegated, masked, remap } = options
  const held = uid === 0 ? capabilities : []
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs(), readonly: true },
    hostname: 'container',
    process: {
      terminal: false,
      user: { uid, gid: uid, umask: 0o22 },
      args: options.args,
      cwd: '/',
      env: [
        `PATH=${INSIDE}/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin`,
        `HOME=${uid === 0 ? '/var/lib' : '/home/app'}`,
        'NO_COLOR=1',
      ],
      capabilities: { bounding: capabilities, effective: held, permitted: held, inheritable: [], ambient: [] },
      noNewPrivileges: options.noNewPrivileges ?? false,
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      tmpfs('/dev', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'mode=0620'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['nosuid', 'noexec', 'nodev', ...(delegated ? [] : ['ro'])],
      },
      { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
      tmpfs('/dev/shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'),
      tmpfs('/tmp', 'nosuid', 'mode=1777'),
      tmpfs('/var/lib', 'mode=755'),
      tmpfs('/home/app', 'mode=755', 'uid=1000', 'gid=1000'),
      bind('/usr', '/usr', 'ro'),
      bind('/etc/ld.so.cache', '/etc/ld.so.cache', 'ro'),
      ...(options.setuidHelpers
        ? []
        : HELPERS.map((name) => bind(join(capableHelpers(), name), `/usr/bin/${name}`, 'ro'))),
      bind(PROJECT, INSIDE, 'ro'),
      ...Object.entries(options.volumes ?? {}).map(([inside, outside]) => bind(outside, inside, 'rw')),
    ],
    linux: {
      cgroupsPath: cgroup,
      resources: { devices: [{ allow: true, access: 'rwm' }] },
      namespaces: [
        ...['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
        ...(remap ? [{ type: 'user' }] : []),
      ],
      ...(remap && {
        uidMappings: [{ containerID: 0, hostID: remap.first, size: remap.count }],
        gidMappings: [{ containerID: 0, hostID: remap.first, size: remap.count }],
      }),
      maskedPaths: masked
        ? ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/sys/firmware']
        : [],
      readonlyPaths: masked ? ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] : [],
      ...(seccomp && { seccomp }),
    },
  }
}

export interface Contained {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly ended: Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>
  /** As `docker stop` and `docker kill` do: to the container's pid 1. */
  signal(name: string): Promise<void>
  /** Runs a command in it, as `docker exec` does. */
  exec(...args: string[]): Promise<string>
}

/** Is cgroup v2 all there is? */
export const UNIFIED = existsSync('/sys/fs/cgroup/cgroup.controllers')
const V1_ROOTS = ['memory', 'pids', 'cpu', 'cpuacct'].map((name) => `/sys/fs/cgroup/${name}`)

/** Starts one; it is gone with everything of it when `ended` has come. */
export async function contain(options: ContainerOptions): Promise<Contained> {
  const id = `bulkhead-test-${process.pid}-${count++}`
  const cgroup = `/${id}`
  const bundle = mkdtempSync(join(tmpdir(), 'bulkhead-bundle-'))
  const state = join(bundle, 'state')
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(configOf(options, cgroup)))
  const runc = ['--root', state]
  const folders = options.delegated && options.uid !== 0 ? delegate(cgroup, options.uid) : []

  const child = spawn('runc', [...runc, 'run', '--bundle', bundle, id], { stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((settle) =>
    child.on('close', (status) => {
      try {
        execFileSync('runc', [...runc, 'delete', '--force', id], { stdio: 'ignore' })
      } catch {
        // `runc run` has deleted it already.
      }
      for (const folder of folders) if (existsSync(folder)) removeCgroup(folder)
      rmSync(bundle, { recursive: true, force: true })
      settle({ status, stdout, stderr })
    }),
  )
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    signal: async (name) => {
      await run('runc', [...runc, 'kill', id, name])
    },
    exec: async (...args) => (await run('runc', [...runc, 'exec', id, ...args])).stdout,
  }
}

/**
 * What an operator does for a user of a container on cgroup v1: one folder that is the user's, as the doctor says. On v2
 * the container's own cgroup becomes the user's, as by engines that ask systemd for it.
 */
function delegate(cgroup: string, uid: number): string[] {
  if (UNIFIED) {
    const folder = join('/sys/fs/cgroup', cgroup)
    mkdirSync(folder)
    for (const name of ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'])
      chownSync(join(folder, name), uid, uid)
    return [folder]
  }
  return V1_ROOTS.filter((root) => existsSync(root)).map((root) => {
    const folder = join(root, cgroup)
    mkdirSync(join(folder, 'bulkhead'), { recursive: true })
    chownSync(join(folder, 'bulkhead'), uid, uid)
    return folder
  })
}

function removeCgroup(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(folder, entry.name))
  rmdirSync(folder)
}
