// Preloaded parents and their copies, by the launcher alone: what TypeScript plans is written out here.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { Interpreters } from '../../../src/runtime/interpreter.ts'
import { sweepLeaf } from '../../../src/runtime/leaves.ts'
import {
  type Compartment,
  cgroups,
  compartment,
  encode,
  type Fields,
  launcherPath,
  needsRoot,
  newRunName,
  PLUGIN_UID,
  type Run,
  type Running,
  scratch,
  specification,
  startWith,
} from '../launcher/launch.ts'

export const PYTHON = '/usr/bin/python3'
/** The reason to give to `test(…, { skip })` where there can be no preloaded parent. */
export const needsParent =
  needsRoot ||
  (!existsSync(PYTHON) && 'no system Python') ||
  (!cgroups().fields.some(([key]) => key === 'cgroup2') &&
    'no cgroup v2 hierarchy, of which a copy is cloned into a leaf')

export interface Parent {
  /** Where copies of it are asked for. */
  readonly folder: string
  readonly running: Running
  /** What it said instead of "ready". */
  readonly fault: string | null
  /** Host's number of the interpreter. */
  readonly pid: number
  /** The cgroup of its copies. */
  readonly family: string
}

let binds: Fields | undefined

/** What the system's Python needs, as skeletons and binds. */
function interpreter(): Fields {
  if (binds) return binds
  const found = new Interpreters({ cache: scratch(), uid: 0 }).python().binds
  const tops = [...new Set(found.map(({ inside }) => `/${inside.split('/')[1]}`))]
  binds = [
    ...tops.map((top) => ['skeleton', top] as const),
    ...found.map(
      ({ outside, inside, executable }) => [executable ? 'bind-exec' : 'bind', `${outside}\t${inside}`] as const,
    ),
  ]
  return binds
}

/** The same, as its parent has it. */
const takenOver = (): Fields =>
  interpreter().flatMap(([key, top]) => (key === 'skeleton' ? [['from-parent', top] as const] : []))

/** A compartment in which `/lib` and its like are what they are on the host, as the store makes it. */
export function room(): Compartment {
  const there = compartment()
  for (const name of ['lib', 'lib64', 'bin']) {
    rmdirSync(join(there.root, name))
    symlinkSync(`usr/${name}`, join(there.root, name))
  }
  return there
}

/** Its own files, beside the launcher. */
function library(): Fields {
  const folder = dirname(realpathSync(launcherPath()))
  return [
    ['skeleton', '/bulkhead'],
    ...['bulkhead-launch', 'bulkhead_parent.so', 'parent.py'].map(
      (name) => ['bind-exec', `${join(folder, name)}\t/bulkhead/${name}`] as const,
    ),
  ]
}

const FLAGS = ['-s', '-E', '-B']
const env = { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin' }

/** Starts one and waits until it is ready, or says why it is not. It ends with the test. */
export async function startParent(
  t: TestContext,
  modules: readonly string[],
  options: { readonly add?: Fields; readonly set?: Run['set'] } = {},
): Promise<Parent> {
  const folder = scratch()
  chmodSync(folder, 0o700)
  const name = newRunName()
  const there = room()
  mkdirSync(join(there.root, 'bulkhead'))
  const run: Run = {
    in: there,
    exec: PYTHON,
    args: [...FLAGS, '/bulkhead/parent.py', ...modules],
    env,
    add: [...interpreter(), ...library(), ...(options.add ?? [])],
    set: {
      cwd: '/',
      'tmp-bytes': undefined,
      'tmp-inodes': undefined,
      'memory-bytes': 536870912,
      processes: 256,
      'timeout-ms': undefined,
      'preload-parent': folder,
      ...options.set,
    },
    control: true,
  }
  const running = startWith(encode(specification(run, name)), run, name)
  const family = join(String(cgroups().fields.find(([key]) => key === 'cgroup2')?.[1]), `bulkhead-${name}`)
  t.after(async () => {
    running.control?.destroy()
    await running.result
    // A test may have killed its launcher, or one of a copy: then nobody else takes these away.
    for (const leaf of existsSync(family) ? readdirSync(family, { withFileTypes: true }) : [])
      if (leaf.isDirectory()) sweepLeaf(join(family, leaf.name))
    sweepLeaf(family)
  })
  const said = await Promise.race([
    once(running.process.stdout as NonNullable<typeof running.process.stdout>, 'data').then(([line]) => String(line)),
    running.result.then(({ report, stderr }) => assert.fail(`the parent has ended: ${report}${stderr}`)),
  ])
  const fault = said === 'ready\n' ? null : said.trim()
  const { pid } = await running.started
  // One that says a fault is about to end, or has: then it has no number any more, and NaN is nobody's.
  return { folder, running, fault, pid: fault === null ? childOf(pid) : Number.NaN, family }
}

export function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}

/** The fields of a copy that runs `script`. */
export function copyOf(parent: Parent, script: string, rest: Partial<Run> = {}): Run {
  const there = rest.in ?? room()
  there.write('main.py', script)
  return {
    in: there,
    exec: PYTHON,
    ...rest,
    args: [...FLAGS, '/plugin/main.py', ...(rest.args ?? [])],
    env: { ...env, HOME: '/tmp', TMPDIR: '/tmp', ...rest.env },
    add: [...takenOver(), ...(rest.add ?? [])],
    set: {
      preload: parent.folder,
      cgroup2: parent.family,
      'cgroup2-controllers': CONTROLLERS,
      uid: PLUGIN_UID,
      ...rest.set,
    },
  }
}

/** The same, whose launcher puts together what the interpreter needs, as it does when the parent shows something else. */
export function boundOf(run: Run): Run {
  return { ...run, add: [...interpreter(), ...(run.add ?? []).filter(([key]) => key !== 'from-parent')] }
}

/** The same from a cold start. */
export function coldOf({ set = {}, ...copy }: Run): Run {
  const run = boundOf(copy)
  const { preload: _, cgroup2: __, 'cgroup2-controllers': ___, ...rest } = set
  return { ...run, set: rest }
}

const CONTROLLERS = cgroups().fields.find(([key]) => key === 'cgroup2-controllers')?.[1]
