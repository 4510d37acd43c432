import { readFileSync } from 'node:fs'
import type { Config } from '../core/config.ts'
import { PluginError } from '../core/errors.ts'
import { REQUIRED_LAYERS } from '../core/layers.ts'
import type { Layout } from '../core/layout.ts'
import { readMountinfo, surveyCgroups } from './cgroup-parents.ts'
import type { CgroupPlan } from './cgroups.ts'
import { missingDataTools } from './data.ts'
import { packageOfTool, spawn } from './host-tools.ts'
import { type Caller, modeOf, remedyOf, surveyIds } from './ids.ts'
import { Interpreters } from './interpreter.ts'
import { findLauncher } from './launcher-binary.ts'
import { isProcMasked, parseMountinfo } from './mountinfo.ts'

/** One layer of the sandbox on this host. */
export interface LayerFinding {
  readonly layer: string
  /** Does nothing run without it? */
  readonly required: boolean
  readonly available: boolean
  readonly detail: string
  /** The command that makes it available, or `null`. */
  readonly remedy: string | null
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
}

const REQUIRED: readonly string[] = REQUIRED_LAYERS

/** What of the sandbox this host can build, tried for real where the launcher can try it. */
export function diagnose(options: DiagnosisOptions): Diagnosis {
  const { caller } = options
  const mountinfo = readMountinfo()
  const cgroups = surveyCgroups({ mode: modeOf(caller), uid: caller.uid }, mountinfo)
  const kernel = readKernel()
  const findings = [
    kernelFinding(kernel),
    ...launcherFindings(options, kernel),
    ...cgroupFindings(cgroups),
    idsFinding(caller),
    ...interpreterFindings(options),
    dataFinding(caller),
    procFinding(mountinfo),
  ]
  return { findings, canRun: findings.every((finding) => finding.available || !finding.required) }
}

interface Kernel {
  readonly release: string
  /** kernel.apparmor_restrict_unprivileged_userns of Ubuntu; `null` where there is no such thing. */
  readonly appArmorUserns: string | null
  readonly maxUserNamespaces: string | null
  /** Debian's and Arch's own switch. */
  readonly unprivilegedUserns: string | null
}

const readKernel = (): Kernel => ({
  release: read('/proc/sys/kernel/osrelease') ?? 'unknown',
  appArmorUserns: read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
  maxUserNamespaces: read('/proc/sys/user/max_user_namespaces'),
  unprivilegedUserns: read('/proc/sys/kernel/unprivileged_userns_clone'),
})

/** Landlock (5.13) is the youngest required layer; clone3 into a cgroup and mount_setattr are older. */
function kernelFinding({ release }: Kernel): LayerFinding {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  const available = major > 5 || (major === 5 && minor >= 13)
  return {
    layer: 'kernel',
    required: true,
    available,
    detail: `Linux ${release}; 5.13 or newer is needed`,
    remedy: available ? null : 'install a newer kernel: Debian 12 and Ubuntu 22.04 have one',
  }
}

function launcherFindings(options: DiagnosisOptions, kernel: Kernel): LayerFinding[] {
  let binary: string
  try {
    binary = options.launcher ?? findLauncher()
  } catch (error) {
    const { message, hint } = error as PluginError
    return [{ layer: 'launcher', required: true, available: false, detail: message, remedy: hint ?? null }]
  }
  const { status, stdout, stderr } = spawn(binary, ['--probe'])
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
      .map((row) => ({
        layer: row.layer,
        required: REQUIRED.includes(row.layer),
        available: row.available,
        detail: row.detail,
        remedy: row.available ? null : layerRemedy(row.layer, kernel, options.caller),
      })),
  ]
}

export interface ProbeRow {
  readonly layer: string
  readonly available: boolean
  readonly detail: string
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
      typeof row.abi === 'number' ? `ABI ${row.abi}` : '',
      typeof row.errno === 'string' ? row.errno : '',
    ]
    const detail = extras.filter((part) => part !== '').join(', ')
    rows.push({ layer: row.layer, available: row.available, detail })
  }
  return rows
}

const NAMESPACES = /-namespace$/

function layerRemedy(layer: string, kernel: Kernel, caller: Caller): string {
  if (kernel.maxUserNamespaces === '0') return 'sudo sysctl -w user.max_user_namespaces=15000'
  if (NAMESPACES.test(layer) && modeOf(caller) === 'user') {
    if (kernel.appArmorUserns === '1') return 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'
    if (kernel.unprivilegedUserns === '0') return 'sudo sysctl -w kernel.unprivileged_userns_clone=1'
  }
  if (NAMESPACES.test(layer))
    return 'in a container: start it with --security-opt seccomp=unconfined --cap-add SYS_ADMIN'
  if (layer === 'landlock')
    return 'boot Linux with lsm=landlock,… in front of the present list (cat /sys/kernel/security/lsm)'
  if (layer === 'seccomp') return 'use a kernel with CONFIG_SECCOMP_FILTER'
  return 'plugins run --weaker names what can be gone without'
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

function idsFinding(caller: Caller): LayerFinding {
  const layer = { layer: 'uid', required: true }
  if (modeOf(caller) === 'root') {
    return { ...layer, available: true, detail: 'root: every plugin has a host uid of its own', remedy: null }
  }
  const { uids, gids, missingHelper } = surveyIds(caller)
  const available = uids !== null && gids !== null && missingHelper === null
  return available
    ? { ...layer, available, detail: `subordinate ids from ${uids.first}, ${uids.count} of them`, remedy: null }
    : {
        ...layer,
        available,
        detail: missingHelper ? `there is no ${missingHelper}` : `${caller.user} has no subordinate ids`,
        remedy: remedyOf(caller, { uids, gids, missingHelper }),
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

/** Needed only by plugins that ask for `limits.data`; without it those are refused and others run. */
function dataFinding(caller: Caller): LayerFinding {
  const layer = { layer: 'data-quota', required: false }
  if (modeOf(caller) === 'user') {
    return { ...layer, available: false, detail: 'only root can give /data a quota', remedy: 'run plugins as root' }
  }
  const [tool] = missingDataTools()
  if (tool) {
    const remedy = `apt-get install ${packageOfTool(tool)}`
    return { ...layer, available: false, detail: `there is no ${tool} on this host`, remedy }
  }
  const loop = /^\s*\d+ loop$/m.test(read('/proc/devices') ?? '')
  return loop
    ? { ...layer, available: true, detail: 'ext4 image on a loop device', remedy: null }
    : { ...layer, available: false, detail: 'the kernel has no loop devices', remedy: 'modprobe loop' }
}

function procFinding(mountinfo: string): LayerFinding {
  const masked = isProcMasked(parseMountinfo(mountinfo))
  return {
    layer: 'proc',
    required: false,
    available: !masked,
    detail: masked ? '/proc is masked here, so plugins run without a /proc' : 'a /proc of its own, processes only',
    remedy: masked ? 'in a container: start it with --security-opt systempaths=unconfined' : null,
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
