import type { Config } from '../core/config.ts'
import { PluginError } from '../core/errors.ts'
import { REQUIRED_LAYERS } from '../core/layers.ts'
import type { Layout } from '../core/layout.ts'
import type { Caller } from './caller.ts'
import { readMountinfo, surveyCgroups } from './cgroup-parents.ts'
import type { CgroupPlan } from './cgroups.ts'
import { parseFiltered } from './confined-calls.ts'
import { dataFinding } from './data/finding.ts'
import { type HelperLack, tryHelpers } from './helper-trial.ts'
import { spawn } from './host-tools.ts'
import { lackOf, lackOfConfined, modeOf, remedyOf, surveyIds, uidRange } from './ids.ts'
import { Interpreters } from './interpreter.ts'
import { findLauncher } from './launcher-binary.ts'
import { isProcMasked, parseMountinfo } from './mountinfo.ts'
import { explain, permit } from './remedies.ts'
import { type Surroundings, surveySurroundings } from './surroundings.ts'

/** One layer of the sandbox on this host. */
export interface LayerFinding {
  readonly layer: string
  /** Does nothing run without it? */
  readonly required: boolean
  readonly available: boolean
  readonly detail: string
  /** Name of the error at the step that failed, where the kernel gave one. */
  readonly errno?: string
  /** Who or what withholds the layer, as far as it can be told. */
  readonly cause?: string
  /** The command that makes it available, or `null`. */
  readonly remedy: string | null
  /** It is there; this would give it in a better way. */
  readonly better?: string
}

export interface Diagnosis {
  readonly findings: readonly LayerFinding[]
  /** Do plugins run here without `--weaker`? */
  readonly canRun: boolean
}

export interface DiagnosisOptions {
  readonly layout: Layout
  readonly caller: Caller
  readonly config: Config
  /** By default the one that comes with the package. */
  readonly launcher?: string
  /** By default those of this process. */
  readonly surroundings?: Surroundings
}

const REQUIRED: readonly string[] = REQUIRED_LAYERS

/** What of the sandbox this host can build, tried for real where the launcher can try it. */
export function diagnose(options: DiagnosisOptions): Diagnosis {
  const { caller } = options
  const mountinfo = readMountinfo()
  const cgroups = surveyCgroups({ mode: modeOf(caller), uid: caller.uid }, mountinfo)
  const around = options.surroundings ?? surveySurroundings()
  const findings = [
    kernelFinding(around),
    ...launcherFindings(options, around),
    ...cgroupFindings(cgroups),
    idsFinding(options),
    ...interpreterFindings(options),
    dataFinding(options.layout, caller),
    procFinding(mountinfo, around),
  ]
  return { findings, canRun: findings.every((finding) => finding.available || !finding.required) }
}

/** Landlock (5.13) is the youngest required layer; clone3 into a cgroup and mount_setattr are older. */
function kernelFinding({ release, foreign }: Surroundings): LayerFinding {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  const available = major > 5 || (major === 5 && minor >= 13)
  return {
    layer: 'kernel',
    required: true,
    available,
    detail: `Linux ${release}; 5.13 or newer is needed`,
    // gVisor and WSL 1 say a version that is not theirs to update.
    remedy: available || foreign ? null : 'install a newer kernel: Debian 12 and Ubuntu 22.04 have one',
  }
}

function launcherFindings(options: DiagnosisOptions, around: Surroundings): LayerFinding[] {
  let binary: string
  try {
    binary = options.launcher ?? findLauncher()
  } catch (error) {
    const { message, hint } = error as PluginError
    return [{ layer: 'launcher', required: true, available: false, detail: message, remedy: hint ?? null }]
  }
  const { status, stdout, stderr } = spawn(
    binary,
    modeOf(options.caller) === 'user' && options.caller.uid === 0 ? ['--probe', 'user'] : ['--probe'],
  )
  const rows = parseProbe(stdout)
  const found = { layer: 'launcher', required: true, available: rows.length > 0, detail: binary, remedy: null }
  if (rows.length === 0) {
    return [{ ...found, detail: `${binary} --probe says nothing (exit ${status}): ${stderr.trim()}` }]
  }
  // What cgroups hold is judged by the plan: the probe does not know where leaves may be made.
  const ours = ['memory', 'processes', 'cpu', 'uid', 'proc']
  return [
    found,
    ...rows
      .filter((row) => !ours.includes(row.layer))
      .map((row) => probedFinding(row, { ...options, around, refusedCalls: parseFiltered(stdout) })),
  ]
}

function probedFinding(
  { layer, available, detail, errno }: ProbeRow,
  facts: { readonly caller: Caller; readonly around: Surroundings; readonly refusedCalls: readonly string[] },
): LayerFinding {
  const finding = { layer, required: REQUIRED.includes(layer), available, detail }
  if (available) return { ...finding, remedy: null }
  const root = modeOf(facts.caller) === 'root'
  const { cause, remedy } = explain({ layer, errno, refusedCalls: facts.refusedCalls, root }, facts.around)
  return { ...finding, ...(errno !== '' && { errno }), ...(cause !== null && { cause }), remedy }
}

export interface ProbeRow {
  readonly layer: string
  readonly available: boolean
  readonly detail: string
  /** `EPERM`; empty where there is none. */
  readonly errno: string
}

/** Lines that are not rows are left out: then the layer is missing, never guessed. */
export function parseProbe(text: string): ProbeRow[] {
  const rows: ProbeRow[] = []
  for (const line of text.slice(0, 256 * 1024).split('\n')) {
    let row: Record<string, unknown>
    try {
      row = JSON.parse(line) as Record<string, unknown>
    } catch {
      continue
    }
    if (typeof row?.layer !== 'string' || typeof row.available !== 'boolean') continue
    const extras = [
      typeof row.detail === 'string' ? row.detail : '',
      typeof row.abi === 'number' && row.abi > 0 ? `ABI ${row.abi}` : '',
    ]
    const errno = typeof row.errno === 'string' ? row.errno : ''
    const detail = extras.filter((part) => part !== '').join(', ')
    rows.push({ layer: row.layer, available: row.available, detail, errno })
  }
  return rows
}

function cgroupFindings(cgroups: CgroupPlan): LayerFinding[] {
  return (['memory', 'processes', 'cpu', 'io'] as const).map((limit) => {
    const lack = cgroups.missing.find((one) => one.limit === limit)
    const controller = ({ memory: 'memory', processes: 'pids', cpu: 'cpu', io: 'blkio' } as const)[limit]
    const place = cgroups.cgroup1[controller] ?? cgroups.cgroup2
    return {
      layer: limit,
      required: REQUIRED.includes(limit),
      available: lack === undefined,
      detail: lack?.reason ?? `cgroup ${cgroups.hierarchy}, ${place}`,
      remedy: lack?.remedy ?? null,
    }
  })
}

const NO_SUBORDINATE = { uids: null, gids: null, missingHelper: null }

function idsFinding({ caller, config, launcher }: DiagnosisOptions): LayerFinding {
  const layer = { layer: 'uid', required: true }
  if (modeOf(caller) === 'root') {
    return { ...layer, available: true, detail: 'root: every plugin has a host uid of its own', remedy: null }
  }
  if (caller.confined) {
    const lack = lackOfConfined(caller.confined)
    const { first, count } = uidRange(caller, config.uids, NO_SUBORDINATE)
    const detail = lack?.reason ?? `root of a container: ids from ${first}, ${count} of them`
    return { ...layer, available: lack === null, detail, remedy: lack?.remedy ?? null }
  }
  const subordinate = surveyIds(caller)
  const { uids, gids, missingHelper } = subordinate
  if (caller.noNewPrivileges || uids === null || gids === null || missingHelper !== null) {
    return { ...layer, available: false, detail: lackOf(caller, subordinate), remedy: remedyOf(caller, subordinate) }
  }
  const lack = helperLack({ uid: uids.first, gid: gids.first }, caller, launcher)
  const detail = lack?.reason ?? `subordinate ids from ${uids.first}, ${uids.count} of them`
  return { ...layer, available: lack === null, detail, remedy: lack?.remedy ?? null }
}

/** Without a launcher nothing can be tried, and another row says so. */
function helperLack(ids: { uid: number; gid: number }, caller: Caller, launcher?: string): HelperLack | null {
  try {
    return tryHelpers(ids, caller, launcher)
  } catch (error) {
    if (error instanceof PluginError && error.code === 'LAUNCHER_MISSING') return null
    throw error
  }
}

function interpreterFindings({ layout, caller, config }: DiagnosisOptions): LayerFinding[] {
  const interpreters = new Interpreters({ cache: layout.cache, uid: caller.uid, ...config.interpreters })
  return (['node', 'python'] as const).map((runtime) => {
    const layer = { layer: `runtime ${runtime}`, required: false }
    try {
      const { version, binds } = interpreters[runtime]()
      return {
        ...layer,
        available: true,
        detail: `${version}, ${binds[0]?.outside}, ${binds.length} files and folders`,
        remedy: null,
      }
    } catch (error) {
      if (!(error instanceof PluginError)) throw error
      const install = runtime === 'python' ? 'sudo apt-get install python3-minimal libpython3-stdlib' : null
      return { ...layer, available: false, detail: error.message, remedy: install ?? error.hint ?? null }
    }
  })
}

function procFinding(mountinfo: string, { maker }: Surroundings): LayerFinding {
  const masked = isProcMasked(parseMountinfo(mountinfo))
  return {
    layer: 'proc',
    required: false,
    available: !masked,
    detail: masked ? '/proc is masked here, so plugins run without a /proc' : 'a /proc of its own, processes only',
    remedy: masked ? permit('proc', maker) : null,
  }
}
