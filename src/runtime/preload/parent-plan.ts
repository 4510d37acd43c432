import { realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { interpreterFlags } from '../environment.ts'
import type { Bind } from '../interpreter.ts'
import type { RunPlan } from '../plan.ts'
import { startedCold } from './plan.ts'

/** Where a preloaded parent finds what is ours, as the launcher's SPEC has it. */
const INSIDE = '/bulkhead'
const FILES = ['bulkhead-launch', 'bulkhead_parent.so', 'parent.py'] as const

/** Copies are made one after the other; each is counted here until it is in its own cgroup. */
const PROCESSES = 256

/** What it says after its first line is read for nothing. */
const OUTPUT_BYTES = 2 ** 20

/** Numerical libraries start a thread per processor when they are imported, and a fork has none of them. */
const SINGLE_THREADED = {
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  BLIS_NUM_THREADS: '1',
  NUMEXPR_NUM_THREADS: '1',
}

/** The launcher's files for a parent: beside it, wherever that is. */
export function parentFiles(launcher: string): readonly Bind[] {
  const folder = dirname(realpathSync(launcher))
  return FILES.map((name) => ({ outside: join(folder, name), inside: `${INSIDE}/${name}`, executable: true }))
}

/**
 * The parent that `plan` can be a copy of, as a run of its own: the same interpreter, ids and cgroups, and nothing of the
 * plugin, neither files nor data, network, words or values.
 */
export function planParent(
  plan: RunPlan,
  { run, folder, root, launcher }: { run: string; folder: string; root: string; launcher: string },
): RunPlan {
  const binds = [...plan.preload.binds, ...parentFiles(launcher)]
  const limit = <N extends keyof RunPlan['limits']>(name: N, value: number) => ({
    [name]: { ...plan.limits[name], value },
  })
  const { exec } = plan
  return {
    ...plan,
    run,
    // Others come out of it, too.
    instance: null,
    parentIn: folder,
    root,
    binds,
    skeletons: [...new Set(binds.map(({ inside }) => `/${inside.split('/')[1]}`))],
    data: null,
    argv: [
      exec,
      ...interpreterFlags('python', plan.preload.memoryBytes),
      `${INSIDE}/parent.py`,
      ...plan.preload.modules,
    ],
    env: { PATH: '/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', ...SINGLE_THREADED },
    granted: [],
    cwd: '/usr',
    limits: {
      ...plan.limits,
      ...limit('memoryBytes', plan.preload.memoryBytes),
      ...limit('processesMax', PROCESSES),
      ...limit('cpu', 1),
      ...limit('tmpBytes', 0),
      ...limit('outputBytes', OUTPUT_BYTES),
      ...limit('timeoutMs', 0),
      ...limit('idleMs', 0),
    },
    network: { ...plan.network, allow: [], private: [] },
    disks: [],
    graceMs: 0,
    stallMs: 0,
    unixSockets: false,
    watch: { sampleMs: 0, alerts: { memory: 0, cpu: 0, files: 0 }, log: null },
    preload: startedCold('it is a parent itself'),
  }
}

/**
 * Of a run that comes out of a parent: the top folders that it sees exactly as the parent does. They need not be put together
 * once more, bind by bind: a Python of Debian has two hundred.
 */
export function takenOver({ preload, skeletons, binds }: RunPlan): readonly string[] {
  if (preload.parent === null) return []
  // The very same values: a plan takes the interpreter's binds as they are.
  const own = new Set(preload.binds)
  const isBelow = (top: string) => (bind: Bind) => bind.inside.startsWith(`${top}/`)
  return skeletons.filter((top) => {
    const seen = binds.filter(isBelow(top))
    return seen.length === preload.binds.filter(isBelow(top)).length && seen.every((bind) => own.has(bind))
  })
}
