import { accessSync, constants, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { IsolationError, StoreError } from '../../core/errors.ts'
import { findTool, type HostTool, packageOfTool, runTool } from '../host-tools.ts'
import { parseMountinfo } from '../mountinfo.ts'
import type { DataRequest } from './request.ts'

/** How an image becomes a folder: by the kernel for root, by fuse2fs for an ordinary user. */
export interface Mounting {
  /** The kernel writes one; fuse2fs only reads what another left. */
  readonly journals: boolean
  /** Blocks of a kilobyte or four that nobody can use: fuse2fs takes 0 for a tenth of all. */
  readonly reserved: 0 | 1
  /** e2fsck's way with what was not unmounted: what has no journal needs more than its safe repairs. */
  readonly repair: '-p' | '-y'
  mount(image: string, mount: string, purpose: string): void
  /**
   * Where it is not mounted, but a run has its file system still: mounts that again. An `unmount` that was killed leaves it so, and whoever
   * took it for unused would check, grow, copy or mount under that run what it is writing to.
   */
  takeUp(image: string, mount: string, purpose: string): void
  /** Takes the file system down, or leaves it and says STORE_BUSY. */
  unmount(image: string, mount: string, purpose: string): void
}

const OPTIONS = 'nosuid,nodev,noexec,noatime'
const CODE = 'DATA_QUOTA_UNAVAILABLE'

export const LOOP: Mounting = {
  journals: true,
  reserved: 0,
  repair: '-p',
  mount: (image, mount, purpose) =>
    void runTool('mount', ['-t', 'ext4', '-o', `loop,${OPTIONS}`, image, mount], { purpose, code: CODE }),
  /**
   * That umount succeeds means little: a running plugin holds a mount of its own, in its own namespace, and the file system
   * lives until that one goes too. Its loop device shows it.
   */
  unmount(image, mount, purpose) {
    LOOP.takeUp(image, mount, purpose)
    if (!isMounted(mount)) return
    const busy = whileItRuns(purpose)
    runTool('umount', [mount], busy)
    const device = heldBy(image, busy)
    if (device === null) return
    mountAgain(device, mount, busy)
    throw busyWith(purpose)
  },
  takeUp(image, mount, purpose) {
    const busy = whileItRuns(purpose)
    for (let tries = 1; !isMounted(mount); tries++) {
      const device = heldBy(image, busy)
      if (device === null) return
      mkdirSync(mount, { recursive: true, mode: 0o700 })
      try {
        mountAgain(device, mount, busy)
      } catch (error) {
        // A mount(8) that was killed has it for as long as the kernel waits for the disk. Then it is free, and no run's.
        if (!(error instanceof IsolationError) || tries === TAKE_UPS) throw error
      }
    }
  },
}

const TAKE_UPS = 5

const whileItRuns = (purpose: string) => ({ purpose: `${purpose} while the plugin runs`, code: 'STORE_BUSY' }) as const

/** The loop device of an image; `null`: nobody has it. The kernel lets go of the mounts of a run that has just ended a moment later. */
function heldBy(image: string, busy: ReturnType<typeof whileItRuns>): string | null {
  for (let tries = 0; ; tries++) {
    const [device = ''] = runTool('losetup', ['-n', '-O', 'NAME', '-j', image], busy).trim().split('\n')
    if (device === '') return null
    if (tries === 20) return device
    pause(25)
  }
}

/** The device, not the image: one file system, mounted in one more place. */
function mountAgain(device: string, mount: string, busy: ReturnType<typeof whileItRuns>): void {
  runTool('mount', ['-t', 'ext4', '-o', OPTIONS, device, mount], busy)
}

/**
 * A process of the user's serves the image for as long as it is mounted. `allow_other`: the plugin has an id of its own, and
 * without that option a mount is for its owner's id alone. The kernel then judges by modes (`default_permissions`), and
 * `fakeroot` keeps fuse2fs, which is no root, from judging once more.
 */
export const FUSE: Mounting = {
  journals: false,
  reserved: 1,
  repair: '-y',
  mount(image, mount, purpose) {
    if (isServed(image)) throw busyWith(purpose)
    const options = `no_default_opts,fakeroot,default_permissions,allow_other,fsname=bulkhead-data,${OPTIONS}`
    runTool('fuse2fs', [image, mount, '-o', options], { purpose, code: CODE })
    // It says 0 even when fusermount refused.
    if (!isMounted(mount)) {
      throw new IsolationError(CODE, `cannot ${purpose}: fuse2fs did not mount it`, { hint: FUSE_REMEDY })
    }
  },
  /** `mount` and `unmount` ask for that process. */
  takeUp: () => {},
  /** The process ends when the last mount of the file system is gone, and not before: another one would destroy it. */
  unmount(image, mount, purpose) {
    if (isMounted(mount)) {
      if (isMountedElsewhere(mount)) throw busyWith(purpose)
      runTool('fusermount', ['-u', mount], { purpose, code: 'STORE_BUSY' })
    }
    for (let tries = 0; isServed(image); tries++) {
      if (tries === 80) throw busyWith(purpose)
      pause(25)
    }
  },
}

/** A mount point has another device than the folder it lies in. What nobody serves any more is taken away. */
export function isMounted(mount: string): boolean {
  try {
    const own = lstatSync(mount, { throwIfNoEntry: false })
    return own?.isDirectory() === true && own.dev !== statSync(dirname(mount)).dev
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTCONN') throw error
    runTool('fusermount', ['-u', '-z', mount], { purpose: `unmount ${mount}`, code: CODE })
    return false
  }
}

export const FUSE_REMEDY = 'sudo apt-get install fuse2fs fuse3 && echo user_allow_other | sudo tee -a /etc/fuse.conf'

/** Why an ordinary user's image cannot be mounted here, and what changes it; `null` where it can. */
export function lackOfFuse(
  caller: DataRequest['caller'],
): { readonly reason: string; readonly remedy: string | null } | null {
  if (caller?.uid === 0) return { reason: 'root of a container may not mount an image', remedy: null }
  for (const tool of ['fuse2fs', 'fusermount'] satisfies HostTool[]) {
    if (findTool(tool) === null) {
      return { reason: `there is no ${tool} on this host (Debian: ${packageOfTool(tool)})`, remedy: FUSE_REMEDY }
    }
  }
  if (caller?.noNewPrivileges || caller?.bounded) {
    return { reason: 'fusermount cannot gain the right to mount here', remedy: null }
  }
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
  } catch {
    return {
      reason: '/dev/fuse is not there or not for users',
      remedy: 'sudo modprobe fuse && sudo chmod 666 /dev/fuse',
    }
  }
  if (!/^user_allow_other\s*$/m.test(read('/etc/fuse.conf'))) {
    return { reason: '/etc/fuse.conf does not have user_allow_other', remedy: FUSE_REMEDY }
  }
  return null
}

/** Is there a fuse2fs for this image? */
function isServed(image: string): boolean {
  const called = `${findTool('fuse2fs')}\0${image}\0`
  return pids().some((pid) => read(`/proc/${pid}/cmdline`).startsWith(called))
}

/** A run has it at /data, in its own namespace. */
function isMountedElsewhere(mount: string): boolean {
  const { dev } = lstatSync(mount)
  // makedev(3): no file system of FUSE has a major number.
  const number = `0:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`
  return pids().some((pid) =>
    read(`/proc/${pid}/mountinfo`)
      .split('\n')
      .some((line) => line.split(' ', 3)[2] === number && parseMountinfo(line)[0]?.point !== mount),
  )
}

/** Is it `/data` of a run that goes on? A bind names the folder as its file system has it. */
export function isBound(folder: string): boolean {
  const path = realpathSync(folder)
  // Where the home is a file system of its own, this is all that the two have in common.
  const own = path.split('/').slice(-3).join('/')
  return pids().some((pid) =>
    parseMountinfo(read(`/proc/${pid}/mountinfo`)).some(({ root }) => root.endsWith(`/${own}`) && path.endsWith(root)),
  )
}

const pids = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name))

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const busyWith = (purpose: string): StoreError =>
  new StoreError('STORE_BUSY', `cannot ${purpose} while the plugin runs`, {
    hint: 'try again when its runs have ended',
  })

const pause = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
