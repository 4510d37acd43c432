import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { IsolationError } from '../core/errors.ts'
import { type CgroupFolder, type CgroupPlan, type Mode, planCgroups } from './cgroups.ts'

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
    look: lookAt,
  })
}

export const readMountinfo = (): string => read('/proc/self/mountinfo') ?? ''

/** Makes the parents of the leaves and passes controllers on to them. Safe to repeat, and by two processes at once. */
export function prepareCgroups(plan: CgroupPlan): void {
  for (const step of plan.steps) {
    try {
      if (step.step === 'make') mkdirSync(step.directory, { mode: 0o755 })
      else enable(step.directory, step.controllers)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      const what = step.step === 'make' ? 'make' : `enable ${step.controllers.join(', ')} in`
      throw new IsolationError(
        'SANDBOX_UNAVAILABLE',
        `cannot ${what} the cgroup ${step.directory}: ${(error as Error).message}`,
        { hint: 'plugins doctor', cause: error },
      )
    }
  }
}

/** One at a time: a controller that the kernel refuses must not take the others with it unnamed. */
function enable(directory: string, controllers: readonly string[]): void {
  for (const controller of controllers) writeFileSync(`${directory}/cgroup.subtree_control`, `+${controller}`)
}

function lookAt(directory: string): CgroupFolder | null {
  if (!existsSync(directory)) return null
  // Asked before it is read: on v1, where every run looks at five of them, an exception each would cost more than the rest.
  const unified = existsSync(`${directory}/cgroup.controllers`)
  if (!unified) return { controllers: [], enabled: [], occupied: false, top: false, writable: isWritable(directory) }
  return {
    controllers: words(read(`${directory}/cgroup.controllers`)),
    enabled: words(read(`${directory}/cgroup.subtree_control`)),
    occupied: (read(`${directory}/cgroup.procs`) ?? '') !== '',
    // Only the real root of the hierarchy has no cgroup.type.
    top: !existsSync(`${directory}/cgroup.type`),
    writable: isWritable(directory) && isWritable(`${directory}/cgroup.procs`),
  }
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
