import { UsageError } from '../core/errors.ts'
import type { EngineCalls } from './engine.ts'
import type { RunPlan } from './plan.ts'
import { takenOver } from './preload/parent-plan.ts'

/** Where a run's report and end go; the plan does not know how it is started. */
export interface SpecEnding {
  /** Library runs: fd 5 is the control pipe. */
  readonly control?: boolean
  /** Everything is made ready, and then the launcher waits to be told what for. */
  readonly held?: boolean
  /** Hand-over: the report's file. */
  readonly reportFile?: string
  /** `plugins run --report`. */
  readonly outcomeFile?: string | undefined
  /** Where the launcher tells what happens in between. */
  readonly journalFile?: string | undefined
  /** Where it writes the figures of each minute. */
  readonly samplesFile?: string | undefined
  /** Somebody else builds the sandbox: how that is called. */
  readonly engine?: EngineCalls | null
}

/** The bounds of SPEC.md: met here, so that the sentence is ours and names what was too much. */
const BYTES_MAX = 2 ** 20
const FIELDS_MAX = 4096

/** Layers of the plan that no launcher knows. */
const OURS = ['data-quota']

/** The plan in the launcher's form: `key=value`, each ended by NUL. */
export function encodeSpec(plan: RunPlan, ending: SpecEnding = {}): Buffer {
  const fields: string[] = []
  const put = (key: string, value: string | number | boolean): void => {
    fields.push(`${key}=${wellFormed(key, typeof value === 'boolean' ? Number(value) : value)}`)
  }
  const limit = (name: keyof RunPlan['limits']): number => plan.limits[name].value

  put('version', 1)
  put('run', plan.run)
  put('name', plan.name)
  put('mode', plan.ids.mode)
  put('uid', plan.ids.uid)
  put('gid', plan.ids.gid)
  put('idmap', plan.ids.idmap)
  put('root', path('root', plan.root))
  const taken = takenOver(plan)
  const isTaken = (inside: string) => taken.some((top) => inside === top || inside.startsWith(`${top}/`))
  for (const top of taken) put('from-parent', path('from-parent', top))
  for (const skeleton of plan.skeletons) if (!isTaken(skeleton)) put('skeleton', path('skeleton', skeleton))
  for (const { outside, inside, executable } of plan.binds) {
    if (isTaken(inside)) continue
    put(executable ? 'bind-exec' : 'bind', `${path('bind', outside)}\t${path('bind', inside)}`)
  }
  if (plan.data !== null) put('data', path('data', plan.data))
  if (plan.data !== null && !plan.weaker.includes('data-quota')) put('data-bytes', limit('dataBytes'))
  if (limit('tmpBytes') > 0) {
    put('tmp-bytes', limit('tmpBytes'))
    put('tmp-inodes', plan.tmpInodes)
  }
  put('exec', path('exec', plan.exec))
  for (const argument of plan.argv) put('arg', argument)
  for (const [name, value] of Object.entries(plan.env)) put('env', `${variable(name)}=${value}`)
  put('cwd', path('cwd', plan.cwd))
  put('memory-bytes', limit('memoryBytes'))
  put('processes', limit('processesMax'))
  put('cpu-permille', Math.max(1, Math.round(limit('cpu') * 1000)))
  put('files', limit('filesMax'))
  put('file-size-bytes', limit('fileSizeBytes'))
  if (plan.disks.length > 0) put('io-bytes-per-second', limit('ioBytesPerSecond'))
  for (const disk of plan.disks) put('io-device', disk)
  putNetwork(put, plan)
  put('output-bytes', limit('outputBytes'))
  put('timeout-ms', limit('timeoutMs'))
  put('idle-ms', limit('idleMs'))
  put('grace-ms', plan.graceMs)
  put('stall-ms', plan.stallMs)
  if (plan.cgroups.cgroup2 !== null) {
    put('cgroup2', path('cgroup2', plan.cgroups.cgroup2))
    put('cgroup2-controllers', plan.cgroups.cgroup2Controllers.join(','))
  }
  for (const controller of ['memory', 'pids', 'cpu', 'cpuacct', 'blkio'] as const) {
    const directory = plan.cgroups.cgroup1[controller]
    if (directory !== undefined) put(`cgroup1-${controller}`, path('cgroup1', directory))
  }
  put('unix-sockets', plan.unixSockets)
  put('proc', plan.proc)
  put('landlock-abi', plan.landlockAbi)
  for (const layer of plan.weaker) if (!OURS.includes(layer)) put('weaker', layer)
  if (plan.reportDenials) put('report-denials', true)
  if (plan.preload.parent !== null) put('preload', path('preload', plan.preload.parent))
  if (plan.parentIn !== undefined) put('preload-parent', path('preload-parent', plan.parentIn))
  put('sample-ms', plan.watch.sampleMs)
  for (const limit of ['memory', 'cpu', 'files'] as const) put(`alert-${limit}`, plan.watch.alerts[limit])
  if (plan.watch.log !== null) {
    put('log-file', path('log-file', plan.watch.log.file))
    put('log-bytes', plan.watch.log.bytes)
  }
  if (ending.engine) putCalls(put, ending.engine)
  put('control', ending.control ?? false)
  if (ending.held === true) put('held', true)
  if (ending.reportFile !== undefined) put('report-file', path('report-file', ending.reportFile))
  if (ending.outcomeFile !== undefined) put('outcome-file', path('outcome-file', ending.outcomeFile))
  if (ending.journalFile !== undefined) put('journal-file', path('journal-file', ending.journalFile))
  if (ending.samplesFile !== undefined) put('samples-file', path('samples-file', ending.samplesFile))
  put('end', 1)

  const bytes = Buffer.from(`${fields.join('\0')}\0`, 'utf8')
  if (fields.length > FIELDS_MAX || bytes.length > BYTES_MAX) {
    throw new UsageError(
      'USAGE',
      `cannot run ${plan.name}: arguments and environment are ${bytes.length} bytes in ${fields.length} fields, ` +
        `at most ${BYTES_MAX} in ${FIELDS_MAX} are passed on`,
    )
  }
  return bytes
}

function putNetwork(put: (key: string, value: string | number) => void, { network, limits }: RunPlan): void {
  if (network.allow.length === 0) return
  for (const { to } of network.allow) put('network', to)
  for (const { to } of network.private) put('network-private', to)
  put('connections', limits.connectionsMax.value)
  put('network-bytes', limits.networkBytes.value)
}

function putCalls(put: (key: string, value: string) => void, calls: EngineCalls): void {
  for (const call of ['create', 'start', 'delete'] as const) {
    for (const word of calls[call]) put(`engine-${call}`, word)
  }
  put('engine-pid-file', path('engine-pid-file', calls.pidFile))
  if (calls.place !== null) put('engine-place', path('engine-place', calls.place))
}

/** A NUL would begin a field of its own, that is: another specification than the plan. */
function wellFormed(key: string, value: string | number): string | number {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value >= 0) return value
    throw new UsageError('USAGE', `cannot pass ${key} to the launcher: ${value} is no whole number`)
  }
  if (value.includes('\0')) throw new UsageError('USAGE', `cannot pass ${key} to the launcher: it holds a NUL byte`)
  if (!value.isWellFormed()) throw new UsageError('USAGE', `cannot pass ${key} to the launcher: it is not Unicode text`)
  return value
}

/** Absolute, in normal form, and without the bytes that separate things. */
function path(key: string, value: string): string {
  const normal = value.startsWith('/') && !/\/(?:\.{0,2})(?:\/|$)/.test(value) && !/[\u0000-\u001f\u007f]/.test(value)
  if (normal) return value
  throw new UsageError(
    'USAGE',
    `cannot pass ${key} to the launcher: ${JSON.stringify(value)} is no plain absolute path`,
  )
}

function variable(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name
  throw new UsageError('USAGE', `cannot pass the variable ${JSON.stringify(name)} to the launcher`)
}
