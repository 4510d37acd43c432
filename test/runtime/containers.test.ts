// docs/containers.md is true: every cell of its table is a container made by runc, and `plugins` is asked in it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { compile } from '../helpers/compile.ts'
import { look, missingOf, type Seen } from './containers/cells.ts'
import { cannotContain, contain, DOCKERS_CAPABILITIES, INSIDE, PROJECT } from './containers/container.ts'
import { dockers, ours, type Profile } from './containers/profiles.ts'

let volume = ''
const docker = cannotContain ? null : dockers(DOCKERS_CAPABILITIES)
const noDocker = docker === null && "Docker's profile cannot be had: apt-get download golang-github-docker-docker-dev"
const skip = cannotContain
/** A container takes half a minute in an emulated machine, which is there for what cgroup v2 makes different. */
const skipSame = skip || (process.env.BULKHEAD_VM !== undefined && 'the same with cgroup v1, where it is tried')

before(async () => {
  if (skip) return
  volume = mkdtempSync(join(tmpdir(), 'bulkhead-volume-'))
  chmodSync(volume, 0o755)
  const program = await compile(
    `#include <signal.h>
     #include <stdio.h>
     #include <unistd.h>
     static volatile sig_atomic_t asked;
     static void on_term(int signal) { asked = signal; }
     int main(int argc, char **argv) {
       if (argc == 1) return printf("proc %s\\n", access("/proc/self", F_OK) == 0 ? "yes" : "no") < 0;
       signal(SIGTERM, on_term);
       puts("waiting"); fflush(stdout);
       while (!asked) pause();
       puts("asked to end"); return 7; }`,
    { static: true },
  )
  mkdirSync(join(volume, 'cell'))
  copyFileSync(program, join(volume, 'cell/cell'))
  chmodSync(join(volume, 'cell/cell'), 0o755)
  const manifest = { name: 'acme/cell', version: '1.0.0', entry: { runtime: 'exec', path: 'cell' } }
  writeFileSync(join(volume, 'cell/plugin.json'), JSON.stringify(manifest))
  const plugins = (...args: string[]) =>
    execFileSync(process.execPath, [join(PROJECT, 'src/cli/bin.cjs'), ...args], {
      cwd: volume,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  plugins('keygen', '--out', 'acme', '--no-passphrase')
  plugins('pack', 'cell')
  plugins('sign', 'acme-cell-1.0.0.tgz', '--key', 'acme.key')
})
after(() => volume && rmSync(volume, { recursive: true, force: true }))

interface Cell {
  readonly seccomp: string
  readonly uid: string
  readonly cgroup: string
  readonly proc: string
  readonly verdict: string
  readonly missing: string
}

/** The rows of the page's first table. */
function cells(): Cell[] {
  const text = readFileSync(join(PROJECT, 'docs/containers.md'), 'utf8')
  return [...text.matchAll(/^\| (default|ours|none) \| (\d+) \| (\S+) \| (\S+) \| (.+?) \| (.*?) ?\|$/gm)].map(
    ([, seccomp = '', uid = '', cgroup = '', proc = '', verdict = '', missing = '']) => ({
      seccomp,
      uid,
      cgroup,
      proc,
      verdict,
      missing,
    }),
  )
}

const PROFILES: Readonly<Record<string, () => Profile | null>> = { default: () => docker, ours, none: () => null }

test('the table has every cell once', () => {
  const names = cells().map(({ seccomp, uid, cgroup, proc }) => [seccomp, uid, cgroup, proc].join(' '))
  assert.equal(names.length, 24)
  assert.equal(new Set(names).size, 24)
})

describe('each cell of the table', { concurrency: 2, skip }, () => {
  for (const cell of cells()) {
    const { seccomp, uid, cgroup, proc, verdict } = cell
    test(`seccomp ${seccomp}, uid ${uid}, cgroup ${cgroup}, /proc ${proc}: ${verdict}`, {
      skip:
        seccomp === 'default'
          ? noDocker
          : (seccomp === 'none' || cgroup !== 'delegated' || proc === 'masked') && skipSame,
    }, async () => {
      const seen = await look({
        uid: Number(uid),
        seccomp: PROFILES[seccomp]?.() ?? null,
        delegated: cgroup === 'delegated',
        masked: proc === 'masked',
        volumes: { '/volume': volume },
      })
      assertAsDocumented(seen, cell)
    })
  }
})

function assertAsDocumented(seen: Seen, { verdict, missing, proc }: Cell): void {
  const { doctor, doctorExit, plan, run } = seen
  assert.equal(doctor.canRun, verdict !== 'refused')
  assert.equal(doctorExit, doctor.canRun ? 0 : 5)
  assert.equal(missingOf(doctor).join(', '), missing)
  const procRow = doctor.findings.find(({ layer }) => layer === 'proc')
  assert.equal(procRow?.available, proc === 'open')
  if (!doctor.canRun) {
    assertSameRefusal(seen)
    return
  }
  assert.equal(run.stdout, `proc ${verdict === 'runs' ? 'yes' : 'no'}\n`, run.stderr)
  assert.equal(run.exit, 0)
  assert.deepEqual(run.outcome.weaker, [])
  assert.equal(plan?.proc, verdict === 'runs')
  assert.ok((run.outcome.usage.memoryPeakBytes ?? 0) > 0, 'its memory was counted')
}

/** What `run` says is one of the doctor's rows, with its remedy. */
function assertSameRefusal({ doctor, plan, run }: Seen): void {
  assert.equal(run.exit, 125)
  assert.equal(plan, null)
  assert.equal(run.outcome.outcome, 'refused')
  assert.equal(run.outcome.error, 'SANDBOX_UNAVAILABLE')
  const lacks = doctor.findings.filter(({ available, required }) => required && !available)
  const row = lacks.find(({ cause, detail }) => run.outcome.reason?.endsWith(cause ?? detail))
  assert.ok(row, `${run.outcome.reason} is none of ${JSON.stringify(lacks)}`)
  assert.ok(row.remedy && run.stderr.includes(`hint: ${row.remedy}`), run.stderr)
  for (const lack of lacks) assert.ok(lack.remedy, `${lack.layer} has a remedy`)
}

const inside = { uid: 0, seccomp: null, delegated: true, masked: false } as const

test('with every right, as by --privileged, plugins run as on a host', { skip: skipSame }, async () => {
  const all = [...Array(41).keys()].map((number) => CAPABILITY_NAMES[number] ?? '').filter((name) => held(name))
  const { doctor, run } = await look({ ...inside, capabilities: all, volumes: { '/volume': volume } })
  assert.equal(doctor.canRun, true)
  assert.match(doctor.findings.find(({ layer }) => layer === 'uid')?.detail ?? '', /^root: /)
  assert.equal(run.stdout, 'proc yes\n')
})

test('root of a container that may not set ids is refused, with the capabilities to add', {
  skip: skipSame,
}, async () => {
  const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER']
  const seen = await look({ ...inside, capabilities, volumes: { '/volume': volume } })
  assert.deepEqual(missingOf(seen.doctor), ['uid'])
  assertSameRefusal(seen)
  assert.match(seen.run.stderr, /--cap-add SETUID --cap-add SETGID/)
})

test('without new privileges a user cannot have ids mapped, and is told which flag does it', {
  skip: skipSame,
}, async () => {
  const seen = await look({ ...inside, uid: 1000, noNewPrivileges: true, volumes: { '/volume': volume } })
  assert.deepEqual(missingOf(seen.doctor), ['uid'])
  assertSameRefusal(seen)
  assert.match(seen.run.stderr, /no-new-privileges/)
})

test('set-user-id helpers map nothing in a container, and the doctor has the command for the image', {
  skip: skipSame,
}, async () => {
  const seen = await look({ ...inside, uid: 1000, setuidHelpers: true, volumes: { '/volume': volume } })
  assert.deepEqual(missingOf(seen.doctor), ['uid'])
  assertSameRefusal(seen)
  assert.match(seen.run.stderr, /chmod u-s .* && setcap cap_setuid=ep/)
})

test('Docker’s own CAP_SYS_ADMIN does not bring pivot_root, and the doctor names that call', {
  skip: skip || noDocker,
}, async () => {
  const capabilities = [...DOCKERS_CAPABILITIES, 'CAP_SYS_ADMIN']
  const seen = await look({ ...inside, capabilities, seccomp: dockers(capabilities), volumes: { '/volume': volume } })
  const mounts = seen.doctor.findings.find(({ layer }) => layer === 'mount-namespace')
  assert.match(mounts?.cause ?? '', /^pivot_root is refused by the seccomp profile/)
  assertSameRefusal(seen)
})

// --- `docker run image plugins run …`: the launcher is pid 1

/** A home that an earlier container has installed into. */
async function home(): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-home-'))
  chmodSync(folder, 0o700)
  after(() => rmSync(folder, { recursive: true, force: true }))
  const volumes = { '/volume': volume, '/var/lib': folder }
  const install = `plugins trust add /volume/acme.pub --for 'acme/*' && plugins install /volume/acme-cell-1.0.0.tgz --yes`
  const { status, stderr } = await (await contain({ ...inside, volumes, args: ['/bin/sh', '-c', install] })).ended
  assert.equal(status, 0, stderr)
  return volumes
}

const RUN = [`${INSIDE}/node_modules/.bin/node`, `${INSIDE}/src/cli/bin.cjs`, 'run', 'acme/cell', '--', 'wait']

test('as pid 1 of a container the launcher passes SIGTERM on and ends with the program', { skip }, async () => {
  const container = await contain({ ...inside, volumes: await home(), args: RUN })
  await line(container.stdout, 'waiting')
  assert.match(await container.exec('cat', '/proc/1/comm'), /^bulkhead:/)
  await container.signal('TERM')
  const { status, stdout } = await container.ended
  assert.equal(stdout, 'waiting\nasked to end\n')
  assert.equal(status, 7)
})

test('as pid 1 of a container the launcher reaps whoever is left to it', { skip }, async () => {
  const container = await contain({ ...inside, volumes: await home(), args: RUN })
  await line(container.stdout, 'waiting')
  await container.exec('/bin/sh', '-c', '(sleep 0.2 &) ; exit 0')
  await new Promise((settle) => setTimeout(settle, 600))
  const states = await container.exec('/bin/sh', '-c', 'cat /proc/[0-9]*/stat')
  await container.signal('TERM')
  await container.ended
  assert.ok(!/^\d+ \(sleep\)/m.test(states), states)
})

test('a signal that pid 1 does not wait for, the end of the container, leaves nothing', { skip }, async () => {
  const container = await contain({ ...inside, volumes: await home(), args: RUN })
  await line(container.stdout, 'waiting')
  const { status } = await container.signal('KILL').then(() => container.ended)
  assert.equal(status, 137)
})

function line(stream: NodeJS.ReadableStream, wanted: string): Promise<void> {
  return new Promise((settle, fail) => {
    let text = ''
    stream.on('data', (chunk) => {
      text += chunk
      if (text.includes(`${wanted}\n`)) settle()
    })
    stream.on('end', () => fail(new Error(`ended without "${wanted}": ${text}`)))
  })
}

// --- the profile that is shipped

/** The calls of a rule without conditions on its arguments. */
const plainCalls = ({ syscalls }: Profile): Set<string> =>
  new Set(
    syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW' && !rule.args?.length).flatMap((rule) => rule.names),
  )

test('our profile is Docker’s, and what the page lists', { skip: skip || noDocker }, () => {
  const text = readFileSync(join(PROJECT, 'docs/containers.md'), 'utf8')
  const listed = /^allows besides: (.+)$/m.exec(text)?.[1]?.match(/(?<=`)[a-z_0-9]+(?=`)/g) ?? []
  const theirs = plainCalls(docker as Profile)
  // Those of the other machine: the shipped file is for both.
  const foreign = /^(?:arm_.*|breakpoint|cacheflush|set_tls|sync_file_range2|arch_prctl|modify_ldt)$/
  const added = [...plainCalls(ours())].filter((name) => !theirs.has(name) && !foreign.test(name)).sort()
  assert.deepEqual(added, listed.filter((name) => name !== 'keyctl').sort())
  const withheld = [...theirs].filter((name) => !plainCalls(ours()).has(name)).sort()
  assert.deepEqual(withheld, ['io_uring_enter', 'io_uring_register', 'io_uring_setup', 'socket'])
})

/** By number (capability.h), up to CAP_CHECKPOINT_RESTORE. */
const CAPABILITY_NAMES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`)

/** runc cannot give away what this machine does not have itself. */
function held(name: string): boolean {
  const bounding = BigInt(`0x${/^CapBnd:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
  return (bounding & (1n << BigInt(CAPABILITY_NAMES.indexOf(name)))) !== 0n
}
