import { existsSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Mount } from './mountinfo.ts'

/** The disks below some paths, as `MAJOR:MINOR` of whole devices, and what lies on none. */
export interface Disks {
  readonly devices: readonly string[]
  /** Why the rest cannot be limited; `null`: there is no rest. */
  readonly reason: string | null
}

/** What is to be asked of the host; a test answers for another one. */
export interface DiskFacts {
  /** Asked for only where a path's own device number says too little. */
  readonly mounts: () => readonly Mount[]
  readonly stat: (path: string) => Pick<Stats, 'dev' | 'rdev'> | undefined
  /** The whole device that `MAJOR:MINOR` is, or is a partition of; `null`: there is no such block device. */
  readonly wholeOf: (device: string) => string | null
}

/** In memory only: what is written there reaches no disk. */
const IN_MEMORY: ReadonlySet<string> = new Set(['tmpfs', 'ramfs', 'proc', 'sysfs'])

/** Bandwidth is limited by block device, so each path is followed to the device its file system lies on. */
export function findDisks(paths: readonly string[], facts: DiskFacts): Disks {
  const devices = new Set<string>()
  let reason: string | null = null
  for (const path of paths) {
    const dev = facts.stat(path)?.dev
    if (dev === undefined) continue
    const own = facts.wholeOf(numberOf(dev))
    if (own !== null) {
      devices.add(own)
      continue
    }
    const mount = mountOf(path, facts.mounts())
    if (mount !== undefined && IN_MEMORY.has(mount.type)) continue
    // btrfs gives its files device numbers of its own; what it was mounted from is the device.
    const source = mount?.source.startsWith('/dev/') ? facts.stat(mount.source) : undefined
    const below = source === undefined ? null : facts.wholeOf(numberOf(source.rdev))
    if (below !== null) devices.add(below)
    else reason ??= `${path} lies on ${mount?.type ?? 'a file system'}, which is no block device`
  }
  return { devices: [...devices], reason }
}

export const diskFacts = (mounts: DiskFacts['mounts']): DiskFacts => ({
  mounts,
  stat: (path) => statSync(path, { throwIfNoEntry: false }),
  wholeOf: wholeDevice,
})

/** The kernel takes no limit for a partition, only for the disk that it is a part of. */
function wholeDevice(device: string): string | null {
  const entry = `/sys/dev/block/${device}`
  if (!existsSync(entry)) return null
  if (!existsSync(`${entry}/partition`)) return device
  return readFileSync(`${dirname(realpathSync(entry))}/dev`, 'utf8').trim()
}

/** `makedev` as the kernel and every libc on Linux split it. */
function numberOf(dev: number): string {
  const bits = BigInt(dev)
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)
  const minor = (bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** The last one that covers the path: later mounts lie over earlier ones. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const covers = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`)
    if (covers && mount.point.length >= (best?.point.length ?? 0)) best = mount
  }
  return best
}
