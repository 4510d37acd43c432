import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { run } from './condition.ts'
import { discard, SCRATCH } from './scratch.ts'

/** Why no disk can be made here; `false`: it can. */
export const cannotMakeDisk: string | false =
  process.geteuid?.() !== 0
    ? 'not root: no disk of its own can be mounted'
    : existsSync('/dev/loop-control') &&
        ['mkfs.ext4', 'losetup'].every((tool) => spawnSync(tool, ['-V']).error === undefined)
      ? false
      : 'no loop devices, or no mkfs.ext4'

/** A file system of ext4 in a file, mounted; nothing of it is kept back for root. */
export interface Disk {
  /** The file that it is in. */
  readonly file: string
  /** Where it is mounted. */
  readonly top: string
  /** Of one made for the purpose, gone with all that is in it. */
  readonly folder: string
}

/**
 * As on any disk of today. Where blocks are smaller than a page, as mkfs.ext4 makes them by itself on small disks, a full disk ends SQLite
 * with SIGBUS: of the memory that processes share it takes the first block of each page, and not all.
 */
const BLOCK_BYTES = '4096'

/** `options` of mount. Nothing reaches it by itself: the journal is committed when somebody asks for it. */
export function makeDisk(bytes: number, options = 'commit=900'): Disk {
  const folder = mkdtempSync(join(SCRATCH, 'disk-'))
  const [file, top] = [join(folder, 'disk'), join(folder, 'top')]
  mkdirSync(top, { mode: 0o700 })
  const fd = openSync(file, 'wx', 0o600)
  ftruncateSync(fd, bytes)
  closeSync(fd)
  const atOnce = 'lazy_itable_init=0,lazy_journal_init=0'
  run('mkfs.ext4', '-q', '-F', '-m', '0', '-b', BLOCK_BYTES, '-O', '^metadata_csum_seed', '-E', atOnce, file)
  run('mount', '-o', `loop,${options}`, file, top)
  return { file, top, folder }
}

/** A copy of a home on it, flushed. */
export function moveIn({ top }: Disk, home: string): string {
  const copy = join(top, 'home')
  run('cp', '-a', home, copy)
  run('sync', '-f', top)
  return copy
}

/** The file system itself needs some of the rest: how much, only trying tells. */
const NEARLY = 2 ** 20

/** Nothing but so much is left of it; what is given back is to be deleted to have the rest again. */
export function fill({ top }: Disk, leftBytes: number): string {
  const ballast = join(top, 'ballast')
  const { bavail, bsize } = statfsSync(top)
  run('fallocate', '-l', `${bavail * bsize - NEARLY}`, ballast)
  const fd = openSync(ballast, 'a')
  const page = Buffer.alloc(4096, 1)
  try {
    for (;;) writeSync(fd, page)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(fd)
  }
  truncateSync(ballast, Math.max(0, statSync(ballast).size - leftBytes))
  run('sync', '-f', top)
  return ballast
}

/** The file of the kernel that makes a file system meet an error: with `errors=remount-ro` it is read-only from then on. */
export function errorTrigger({ top }: Disk): string | null {
  const device = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, point]) => point === top)?.[0]
  const trigger = `/sys/fs/ext4/${basename(device ?? '')}/trigger_fs_error`
  return existsSync(trigger) ? trigger : null
}

/** As somebody does who has found it read-only. */
export function checkDisk({ file, top }: Disk): void {
  run('umount', top)
  // 1: errors were corrected.
  const { status, stderr } = spawnSync('e2fsck', ['-f', '-p', file], { encoding: 'utf8' })
  if (status !== 0 && status !== 1) throw new Error(`e2fsck: ${status}: ${stderr}`)
  run('mount', '-o', 'loop', file, top)
}

export const takeAway = ({ folder }: Disk): void => discard(folder)
