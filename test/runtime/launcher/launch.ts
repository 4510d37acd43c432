// Runs the real launcher from tests: builds a specification, starts the binary, returns what came back.
// Nothing here decides: a test says what differs from a plain run, and reads the parsed report.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { EndingLimit, Usage } from '../../../src/core/outcome.ts'
import { compileNow } from '../../helpers/compile.ts'
import { SLOW } from '../../helpers/patience.ts'

const HERE = import.meta.dirname
const PROJECT = resolve(HERE, '../../..')
const LAUNCHER_SOURCES = join(PROJECT, 'src/runtime/launcher')

export type Layer =
  | 'uid'
  | 'user-namespace'
  | 'mount-namespace'
  | 'pid-namespace'
  | 'net-namespace'
  | 'network'
  | 'ipc-namespace'
  | 'uts-namespace'
  | 'cgroup-namespace'
  | 'capabilities'
  | 'no-new-privs'
  | 'seccomp'
  | 'landlock'
  | 'memory'
  | 'processes'
  | 'cpu'
  | 'read-only'
  | 'descriptors'
  | 'session'
  | 'dev'
  | 'proc'
  | 'rlimits'
  | 'keyring'
  | 'parent-death'
  | 'kill-tree'

export interface Started {
  readonly event: 'started'
  readonly pid: number
  readonly startedAtMs: number
  readonly landlockAbi: number
}

export interface Ended {
  readonly event: 'ended'
  readonly outcome: 'exited' | 'signalled' | 'limited' | 'refused'
  readonly code: number | null
  readonly signal: string | null
  readonly limit: EndingLimit | null
  readonly reason: string | null
  readonly error: string | null
  readonly layer?: Layer
  readonly limitsMet: readonly string[]
  readonly weaker: readonly Layer[]
  readonly usage: Readonly<Record<keyof Usage, number | null>>
}

export interface Result {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly report: string
  readonly started: Started | undefined
  readonly ended: Ended | undefined
}

/** One field of a specification; a list keeps its order, as the contract asks. */
export type Fields = readonly (readonly [key: string, value: string | number])[]

export const isRoot = process.getuid?.() === 0

/** The reason to give to `test(…, { skip })` where only root can set the scene; false when the test can run. */
export const needsRoot = isRoot ? false : 'needs root: a host uid per plugin and cgroup leaves of its own'

let binary: string | undefined

/** The built launcher; built now if it is not there yet, so that one test file can be run alone. */
export function launcherPath(): string {
  if (binary) return binary
  const given = process.env.BULKHEAD_LAUNCHER
  const built = given ?? join(PROJECT, 'dist/launcher', `linux-${process.arch}`, 'bulkhead-launch')
  if (!given) execFileSync('make', ['-s', '-C', LAUNCHER_SOURCES], { stdio: ['ignore', 'ignore', 'inherit'] })
  assert.ok(existsSync(built), `no launcher at ${built}`)
  binary = built
  return built
}

let weakerBinary: string | undefined

/** A build that lets copies of a preloaded parent go without layers; its files for a parent lie beside it. */
export function launcherOfWeakerCopies(): string {
  if (weakerBinary) return weakerBinary
  // Whoever installs a copy of the launcher elsewhere may not be able to build: what is tested is this checkout's.
  const out = scratch()
  const words = ['-s', '-C', LAUNCHER_SOURCES, `OUT=${out}`, 'FOR_TESTS=-DWEAKER_COPIES', 'CC_ARM64=', 'CC_X64=']
  const machine = process.arch === 'arm64' ? 'CC_ARM64=' : 'CC_X64='
  const made = words.map((word) => (word === machine ? `${word}${process.env.CC ?? 'cc'}` : word))
  execFileSync('make', made, { stdio: ['ignore', 'ignore', 'inherit'] })
  weakerBinary = join(out, `linux-${process.arch}`, 'bulkhead-launch')
  return weakerBinary
}

/** A folder that is gone after the test file, readable by every uid on the way down. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-launch-'))
  chmodSync(folder, 0o755)
  toClear.push(folder)
  return folder
}

const toClear: string[] = []
process.on('exit', () => {
  for (const folder of toClear) rmSync(folder, { recursive: true, force: true })
  for (const folder of found?.folders ?? []) removeCgroup(folder)
})

/** Removes a cgroup folder of ours with the leaves that killed launchers left in it. */
function removeCgroup(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) rmdirSync(join(folder, entry.name))
    rmdirSync(folder)
  } catch {
    // Somebody is still inside: then the test that left them there has failed and says so.
  }
}

/** Compiles one C program, statically, and returns where it is. */
export function compile(source: string, ...flags: string[]): string {
  return compileNow(`#define _GNU_SOURCE\n${source}`, '-static', '-O1', '-w', ...flags)
}

/** The same of a file beside a test. */
export function compileFile(folder: string, name: string, ...flags: string[]): string {
  return compile(readFileSync(join(folder, name), 'utf8'), ...flags)
}

export interface Compartment {
  readonly root: string
  readonly data: string
  /** Puts a file into the plugin's folder; the program is `/plugin/main` unless named. */
  put(from: string, name?: string): void
  write(name: string, content: string, mode?: number): void
}

export const PLUGIN_UID = 1879060000

/** A chroot directory as the store makes it: mount points, and the package below /plugin. */
export function compartment(program?: string): Compartment {
  const base = scratch()
  const root = join(base, 'root')
  const data = join(base, 'data')
  for (const name of ['plugin', 'tmp', 'data', 'dev', 'proc', 'usr', 'lib', 'lib64', 'bin', 'etc', 'node'])
    mkdirSync(join(root, name), { recursive: true, mode: 0o755 })
  mkdirSync(data, { mode: 0o700 })
  if (isRoot) chownSync(data, PLUGIN_UID, PLUGIN_UID)
  const made: Compartment = {
    root,
    data,
    put: (from, name = 'main') => made.write(name, readFileSync(from, 'latin1'), 0o755),
    write(name, content, mode = 0o644) {
      const path = join(root, 'plugin', name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content, 'latin1')
      chmodSync(path, mode)
    },
  }
  if (program) made.put(program)
  return made
}

// ---- cgroups of this machine: leaves are made only below folders of ours --------------------------------

export interface Cgroups {
  readonly kind: 'v1' | 'v2' | 'hybrid' | 'none'
  readonly fields: Fields
  /** Every folder in which a leaf of a run may be found. */
  readonly folders: readonly string[]
}

function ownFolder(mountPoint: string): string | undefined {
  const folder = join(mountPoint, `bulkhead-test-${process.pid}`)
  try {
    mkdirSync(folder, { recursive: true })
    return folder
  } catch {
    return undefined
  }
}

let found: Cgroups | undefined

export function cgroups(): Cgroups {
  found ??= findCgroups()
  return found
}

function findCgroups(): Cgroups {
  if (!isRoot) return { kind: 'none', fields: [], folders: [] }
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
  const fields: [string, string][] = []
  const folders: string[] = []
  for (const [, where = '', type, options = ''] of mounts) {
    if (type === 'cgroup')
      for (const controller of ['memory', 'pids', 'cpu', 'cpuacct', 'blkio'])
        if (options.split(',').includes(controller)) {
          const folder = ownFolder(where)
          if (!folder) continue
          fields.push([`cgroup1-${controller}`, folder])
          folders.push(folder)
        }
    if (type === 'cgroup2') {
      const wanted = ['memory', 'pids', 'cpu', 'io']
      const offered = readFileSync(join(where, 'cgroup.controllers'), 'utf8').trim().split(' ')
      const usable = wanted.filter((one) => offered.includes(one))
      if (usable.length > 0)
        writeFileSync(join(where, 'cgroup.subtree_control'), usable.map((one) => `+${one}`).join(' '))
      const folder = ownFolder(where)
      if (!folder) continue
      if (usable.length > 0)
        writeFileSync(join(folder, 'cgroup.subtree_control'), usable.map((one) => `+${one}`).join(' '))
      fields.push(['cgroup2', folder], ['cgroup2-controllers', usable.join(',')])
      folders.push(folder)
    }
  }
  const v1 = fields.some(([key]) => key.startsWith('cgroup1-'))
  const v2 = fields.some(([key]) => key === 'cgroup2')
  return { kind: v1 && v2 ? 'hybrid' : v1 ? 'v1' : v2 ? 'v2' : 'none', fields, folders: [...new Set(folders)] }
}

/** Leaves of this run that are still there. */
export function leavesOf(run: string): string[] {
  return cgroups()
    .folders.map((folder) => join(folder, `bulkhead-${run}`))
    .filter((leaf) => existsSync(leaf))
}

// ---- one run ------------------------------------------------------------------------------------------

export interface Run {
  readonly in: Compartment
  /** Its arguments after argv[0]. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly exec?: string
  readonly weaker?: readonly Layer[]
  /** Single-valued keys that differ from the defaults below; `undefined` leaves the key out. */
  readonly set?: Readonly<Record<string, string | number | undefined>>
  /** Repeated keys: skeleton, bind, bind-exec, symlink, in order. */
  readonly add?: Fields
  readonly data?: boolean
  readonly stdin?: string
  readonly run?: string
  /** Extra descriptors from 6 up, as child_process takes them. */
  readonly extra?: readonly ('pipe' | number)[]
  /** Stdio of the launcher instead of pipes. */
  readonly stdio?: readonly ['pipe' | 'ignore' | number, 'pipe' | 'ignore' | number, 'pipe' | 'ignore' | number]
  readonly control?: boolean
  readonly detached?: boolean
  readonly environment?: NodeJS.ProcessEnv
}

let runs = 0

export function newRunName(): string {
  return `test-${process.pid}-${++runs}`
}

/** The fields of a plain run of `/plugin/main` as root, with every layer on. */
export function specification(run: Run, name = run.run ?? newRunName()): Fields {
  const exec = run.exec ?? '/plugin/main'
  const single: Record<string, string | number | undefined> = {
    run: name,
    name: 'test/plugin',
    mode: 'root',
    uid: PLUGIN_UID,
    gid: PLUGIN_UID,
    root: run.in.root,
    exec,
    cwd: '/plugin',
    'tmp-bytes': 16777216,
    'tmp-inodes': 4096,
    'memory-bytes': 134217728,
    processes: 32,
    'cpu-permille': 1000,
    files: 64,
    'file-size-bytes': 0,
    'output-bytes': 0,
    'timeout-ms': 20000 * SLOW,
    'idle-ms': 0,
    'grace-ms': 500,
    'unix-sockets': 0,
    proc: 1,
    'landlock-abi': 1,
    control: run.control ? 1 : 0,
    ...(run.data ? { data: run.in.data } : {}),
    ...run.set,
  }
  return [
    ['version', 1],
    ...Object.entries(single).filter((field): field is [string, string | number] => field[1] !== undefined),
    ...cgroups().fields.filter(([key]) => !(key in (run.set ?? {}))),
    ...(run.add ?? []),
    ['arg', exec],
    ...(run.args ?? []).map((value) => ['arg', value] as const),
    ...Object.entries(run.env ?? {}).map(([key, value]) => ['env', `${key}=${value}`] as const),
    ...(run.weaker ?? []).map((layer) => ['weaker', layer] as const),
    ['end', 1],
  ]
}

export function encode(fields: Fields): Buffer {
  return Buffer.from(fields.map(([key, value]) => `${key}=${value}\0`).join(''), 'utf8')
}

/** Reads the report: JSON lines, each complete. */
export function parseReport(report: string): Pick<Result, 'started' | 'ended'> {
  const lines = report
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Started | Ended)
  return {
    started: lines.find((line): line is Started => line.event === 'started'),
    ended: lines.find((line): line is Ended => line.event === 'ended'),
  }
}

export interface Running {
  readonly name: string
  readonly process: ChildProcess
  readonly control: Writable | undefined
  readonly extra: readonly (Readable | Writable | null | undefined)[]
  /** Resolves with the report's line that says so: the first, but of a held run. */
  readonly started: Promise<Started>
  readonly result: Promise<Result>
}

/** Starts the launcher and returns while it runs. */
export function start(run: Run): Running {
  const name = run.run ?? newRunName()
  return startWith(encode(specification(run, name)), run, name)
}

/** As `start`, with bytes in the place of a specification. */
export function startWith(bytes: Buffer, run: Omit<Run, 'in'> = {}, name = 'none'): Running {
  const stdio = run.stdio ?? ['pipe', 'pipe', 'pipe']
  const child = spawn(launcherPath(), [], {
    stdio: [...stdio, 'pipe', 'pipe', run.control ? 'pipe' : 'ignore', ...(run.extra ?? [])],
    env: run.environment ?? {},
    detached: run.detached ?? false,
  })
  const pipes = child.stdio as readonly (Readable | Writable | null | undefined)[]
  const collect = (stream: unknown): { text: string } => {
    const into = { text: '' }
    if (stream) (stream as Readable).setEncoding('latin1').on('data', (part: string) => (into.text += part))
    return into
  }
  const [stdout, stderr, report] = [collect(pipes[1]), collect(pipes[2]), collect(pipes[4])]
  for (const end of [pipes[0], pipes[3], pipes[5]]) (end as Writable | null | undefined)?.on('error', () => {})
  ;(pipes[3] as Writable).end(bytes)
  if (pipes[0] && run.stdin !== undefined) (pipes[0] as Writable).end(run.stdin)
  else if (pipes[0] && run.stdio === undefined) (pipes[0] as Writable).end()

  const started = new Promise<Started>((done, fail) => {
    ;(pipes[4] as Readable).on('data', () => {
      const line = parseReport(report.text.slice(0, report.text.lastIndexOf('\n') + 1)).started
      if (line) done(line)
    })
    child.once('close', () => fail(new Error(`never started: ${report.text}${stderr.text}`)))
  })
  started.catch(() => {})
  const result = new Promise<Result>((done, fail) => {
    child.once('error', fail)
    child.once('close', (status, signal) =>
      done({
        status,
        signal,
        stdout: stdout.text,
        stderr: stderr.text,
        report: report.text,
        ...parseReport(report.text),
      }),
    )
  })
  return { name, process: child, control: pipes[5] as Writable | undefined, extra: pipes.slice(6), started, result }
}

/** One run from start to end. */
export async function launch(run: Run): Promise<Result> {
  return await start(run).result
}

/** The same program with all layers, and with some switched off: the pair every attack test compares. */
export async function contained(run: Run, weaker: readonly Layer[]): Promise<{ on: Result; off: Result }> {
  return { on: await launch(run), off: await launch({ ...run, weaker }) }
}

/** Host folders a dynamic program needs, found with the loader itself; for tests of node and python. */
export function systemLibraries(): Fields {
  const fields: [string, string][] = [
    ['skeleton', '/usr'],
    ['skeleton', '/etc'],
  ]
  for (const folder of ['/usr/lib', '/usr/lib64', '/usr/bin', '/lib64'])
    if (existsSync(folder)) fields.push(['bind-exec', `${realFolder(folder)}\t${folder}`])
  fields.push(['bind-exec', `${realFolder('/lib')}\t/lib`])
  return fields
}

function realFolder(folder: string): string {
  return execFileSync('realpath', [folder], { encoding: 'utf8' }).trim()
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

/** Is there a process of this pid that is not a zombie? */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until `condition` holds, for at most `ms` (longer on a slow machine); says whether it did. */
export async function eventually(condition: () => boolean, ms = 3000): Promise<boolean> {
  for (const end = Date.now() + ms * SLOW; Date.now() < end; await sleep(10)) if (condition()) return true
  return condition()
}
