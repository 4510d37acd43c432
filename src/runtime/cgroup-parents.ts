import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { IsolationError } from '../core/errors.ts'
import { type CgroupFolder, type CgroupPlan, type CgroupStep, type Mode, planCgroups } from './cgroups.ts'
import { findLauncher } from './launcher-binary.ts'
import { makerOf } from './surroundings.ts'
import { SUPERVISORS, startUnit, surveySystemd } from './systemd/user-manager.ts'

/** What this host's kernel says, for `planCgroups`. */
export function surveyCgroups(
  caller: { readonly mode: Mode; readonly uid: number },
  mountinfo: string = readMountinfo(),
  atTop = false,
): CgroupPlan {
  return planCgroups({
    mountinfo,
    selfCgroup: atTop ? '' : (read('/proc/self/cgroup') ?? ''),
    ...caller,
    systemd: caller.mode === 'root' ? NOT_ASKED : surveySystemd(caller.uid),
    look: (directory) => lookAt(directory, caller.uid),
    maker: makerOf,
  })
}

/** Root makes its cgroups itself. */
const NOT_ASKED = { booted: false, bus: false, user: false }

export const readMountinfo = (): string => read('/proc/self/mountinfo') ?? ''

/** Makes the parents of the leaves and passes controllers on to them. Safe to repeat, and by two processes at once. */
export async function prepareCgroups(plan: CgroupPlan, uid: number = process.geteuid?.() ?? 0): Promise<void> {
  for (const step of plan.steps) {
    if (step.step === 'start') await startUnit(uid, step.directory, findLauncher())
    else take(step)
  }
}

function take(step: Exclude<CgroupStep, { readonly step: 'start' }>): void {
  const { directory } = step
  try {
    if (step.step === 'make') mkdirSync(directory, { mode: 0o755 })
    else if (step.step === 'vacate') vacate(directory)
    else enable(directory, step.controllers)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    const what = { make: 'make', vacate: 'move processes out of', enable: 'pass controllers on in' }[step.step]
    throw new IsolationError(
      'SANDBOX_UNAVAILABLE',
      `cannot ${what} the cgroup ${directory}: ${(error as Error).message}`,
      { hint: 'plugins doctor', cause: error },
    )
  }
}

/** cgroup v2, "No Internal Process Constraint": who passes controllers on has no processes of its own. */
function vacate(directory: string): void {
  mkdirSync(`${directory}/${SUPERVISORS}`, { recursive: true, mode: 0o755 })
  // Again, since a process that is moved may just have forked.
  for (let tries = 0; tries < 100; tries++) {
    const pids = words(readFileSync(`${directory}/cgroup.procs`, 'utf8'))
    if (pids.length === 0) return
    for (const pid of pids) move(pid, `${directory}/${SUPERVISORS}`)
  }
  throw new Error('new ones kept appearing in it')
}

function move(pid: string, directory: string): void {
  try {
    writeFileSync(`${directory}/cgroup.procs`, pid)
  } catch (error) {
    // It has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** One at a time: a controller that the kernel refuses must not take the others with it unnamed. */
function enable(directory: string, controllers: readonly string[]): void {
  for (const controller of controllers) writeFileSync(`${directory}/cgroup.subtree_control`, `+${controller}`)
}

function lookAt(directory: string, uid: number): CgroupFolder | null {
  if (!existsSync(directory)) return null
  // Asked before it is read: on v1, where every run looks at five of them, an exception each would cost more than the rest.
  const unified = existsSync(`${directory}/cgroup.controllers`)
  const writable = isWritable(directory)
  if (!unified) return { controllers: [], enabled: [], occupied: false, movable: false, top: false, writable }
  const pids = words(read(`${directory}/cgroup.procs`))
  return {
    controllers: words(read(`${directory}/cgroup.controllers`)),
    enabled: words(read(`${directory}/cgroup.subtree_control`)),
    occupied: pids.length > 0,
    movable: isMovable(pids, uid),
    // Only the real root of the hierarchy has no cgroup.type.
    top: !existsSync(`${directory}/cgroup.type`),
    writable: writable && isWritable(`${directory}/cgroup.procs`),
  }
}

/** Root leaves the processes of others alone: not all that is its own is ours. */
function isMovable(pids: readonly string[], uid: number): boolean {
  if (pids.every((pid) => pid === String(process.pid))) return true
  return uid !== 0 && pids.every((pid) => (ownerOf(pid) ?? uid) === uid)
}

/** A process that has ended meanwhile stands in nobody's way. */
function ownerOf(pid: string): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

const words = (text: string | null): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '')
