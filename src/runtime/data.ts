import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { IsolationError, StoreError } from '../core/errors.ts'
import { formatSize } from '../core/quantity.ts'
import { withFolderLock } from './folder-lock.ts'
import { findTool, type HostTool, runTool } from './host-tools.ts'
import type { Ids } from './ids.ts'
import { removeTree } from './remove-tree.ts'

/**
 * A plugin's /data: a file system of its own size, in an image that is mounted once and kept, because a mount per run
 * would cost more than the launcher. The kernel then enforces the quota, of bytes and of files.
 */
export interface DataRequest {
  readonly name: string
  /** `layout.data(name)`. */
  readonly folder: string
  readonly bytes: number
  readonly ids: Ids
  readonly weaker: readonly string[]
}

/** The folder to bind at /data. Idempotent; two `stat` calls when it is mounted already. */
export function openData(request: DataRequest): string {
  return request.ids.mode === 'root' && !request.weaker.includes('data-quota')
    ? openImage(request)
    : openFolder(request)
}

/** Where /data will be, without touching anything: for `--dry-run`. */
export function dataPlace(request: DataRequest): string {
  const withQuota = request.ids.mode === 'root' && !request.weaker.includes('data-quota')
  if (!withQuota) assertWeaker(request)
  return join(request.folder, withQuota ? 'mnt' : 'files')
}

/** Unmounts and removes everything that the plugin ever kept. */
export function removeData(folder: string): void {
  unmount(folder, `remove ${folder}`)
  const files = join(folder, 'files')
  if (lstatSync(files, { throwIfNoEntry: false })) removeTree(files)
  rmSync(folder, { recursive: true, force: true })
}

/** Unmounts but keeps the image: for tests and for moving a home. */
export function closeData(folder: string): void {
  unmount(folder, `unmount ${join(folder, 'mnt')}`)
}

/** Tools of the host that the quota needs and that are not there. */
export function missingDataTools(): HostTool[] {
  return (['mkfs.ext4', 'e2fsck', 'resize2fs', 'tune2fs', 'mount', 'umount', 'losetup'] as const).filter(
    (tool) => findTool(tool) === null,
  )
}

const MiB = 2 ** 20
/** Sixteen blocks of the file system. */
const BLOCK = 65_536

/** One file for every 8 KiB, as mkfs would for a small disk; at least enough for a program's settings. */
const inodesFor = (bytes: number): number => Math.min(Math.max(Math.ceil(bytes / 8192), 64), 1 << 20)

const JOURNAL_FROM = 8 * MiB
/** Below 8 MiB mke2fs makes no journal, and it would be larger than what it protects: e2fsck comes before every mount. */
const journalFor = (bytes: number): number => (bytes < JOURNAL_FROM ? 0 : 4 * MiB)

/**
 * What is asked for must be there for files; the rest comes on top: 256 bytes an inode, the journal, what ext4 keeps free
 * for its own allocations (2 %, at most 16 MiB), and bitmaps and room to grow.
 */
function imageBytesFor(bytes: number): number {
  const kept = Math.min(Math.ceil(bytes / 45), 16 * MiB) + Math.ceil(bytes / 256)
  const overhead = inodesFor(bytes) * 256 + journalFor(bytes) + kept + 2 * BLOCK
  return Math.ceil((bytes + overhead) / BLOCK) * BLOCK
}

function openImage(request: DataRequest): string {
  const { folder, name, bytes } = request
  const image = imageIn(folder)
  const mount = join(folder, 'mnt')
  const wanted = imageBytesFor(bytes)
  // The usual case waits for nobody.
  if (statSync(image, { throwIfNoEntry: false })?.size === wanted && isMounted(mount)) return mount
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Two first runs at once would make, check and mount one image twice, and destroy it.
  return withFolderLock(folder, `open /data of ${name}`, () => prepareImage(request, image, mount, wanted))
}

function prepareImage(request: DataRequest, image: string, mount: string, wanted: number): string {
  const { name, bytes } = request
  const kept = statSync(image, { throwIfNoEntry: false })
  if (kept && kept.size > wanted) {
    throw new StoreError(
      'DATA_SHRINK_REFUSED',
      `cannot run ${name}: its kept /data is a file system of ${formatSize(kept.size)}, larger than the ${formatSize(wanted)} that its limit of ${formatSize(bytes)} allows`,
      { hint: `raise limits.data, or plugins remove ${name} --purge, which deletes what it kept` },
    )
  }
  if (kept?.size === wanted && isMounted(mount)) return mount
  if (!kept) makeImage(request, image, wanted)
  else if (kept.size < wanted) growImage(request, image, { from: kept.size, to: wanted })
  mkdirSync(mount, { recursive: true, mode: 0o700 })
  if (!isMounted(mount)) mountImage(request, image, mount)
  if (!kept) removeLostAndFound(mount)
  return mount
}

function makeImage({ name, bytes, ids }: DataRequest, image: string, size: number): void {
  const fresh = `${image}.new`
  rmSync(fresh, { force: true })
  const fd = openSync(fresh, 'wx', 0o600)
  try {
    ftruncateSync(fd, size)
  } finally {
    closeSync(fd)
  }
  // No reserved blocks: they are for a root that never writes here. root_owner: the folder is the plugin's from the start,
  // so no chown ever walks a tree that the plugin can write.
  const args = ['-q', '-F', '-m', '0', '-b', '4096', '-I', '256', '-N', String(inodesFor(bytes))]
  const journal = journalFor(bytes) === 0 ? ['-O', '^has_journal'] : ['-J', `size=${journalFor(bytes) / MiB}`]
  const extended = `root_owner=${ids.uid}:${ids.gid},lazy_itable_init=1,nodiscard`
  try {
    runTool('mkfs.ext4', [...args, ...journal, '-E', extended, '-L', 'bulkhead-data', fresh], {
      purpose: `make the file system for /data of ${name}`,
      code: 'DATA_QUOTA_UNAVAILABLE',
    })
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
  renameSync(fresh, image)
}

/** Offline, because a grown file below a mounted loop device is seen by nobody. */
function growImage(
  { folder, name, bytes }: DataRequest,
  image: string,
  size: { readonly from: number; readonly to: number },
): void {
  const purpose = `grow /data of ${name}`
  unmount(folder, purpose)
  const to = { purpose, code: 'DATA_QUOTA_UNAVAILABLE' } as const
  runTool('e2fsck', ['-f', '-p', image], { ...to, ok: [1] })
  // Named in KiB: a bare number would be in blocks of the file system. It enlarges the file itself.
  runTool('resize2fs', [image, `${size.to / 1024}K`], to)
  const journal = journalFor(bytes)
  if (journal > 0 && size.from < imageBytesFor(JOURNAL_FROM)) {
    runTool('tune2fs', ['-J', `size=${journal / MiB}`, image], to)
  }
}

function mountImage({ name }: DataRequest, image: string, mount: string): void {
  const to = { purpose: `mount /data of ${name}`, code: 'DATA_QUOTA_UNAVAILABLE' } as const
  // After a power cut; on a clean image it reads one block.
  runTool('e2fsck', ['-p', image], { ...to, ok: [1] })
  runTool('mount', ['-t', 'ext4', '-o', `loop,${OPTIONS}`, image, mount], to)
}

const OPTIONS = 'nosuid,nodev,noexec,noatime'
const imageIn = (folder: string): string => join(folder, 'image.ext4')

/**
 * Takes the file system down, or leaves it and says STORE_BUSY. That umount succeeds means little: a running plugin holds a
 * mount of its own, in its own namespace, and the file system lives until that one goes too. Its loop device shows it.
 */
function unmount(folder: string, purpose: string): void {
  const mount = join(folder, 'mnt')
  if (!isMounted(mount)) return
  const busy = { purpose: `${purpose} while the plugin runs`, code: 'STORE_BUSY' } as const
  runTool('umount', [mount], busy)
  let device = ''
  // The kernel lets go of the mounts of a run that has just ended a moment later.
  for (let tries = 0; tries < 20; tries++) {
    device = runTool('losetup', ['-n', '-O', 'NAME', '-j', imageIn(folder)], busy).trim()
    if (device === '') return
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25)
  }
  // The device again, not the image: one file system, mounted in one more place.
  runTool('mount', ['-t', 'ext4', '-o', OPTIONS, device, mount], busy)
  throw new StoreError('STORE_BUSY', `cannot ${busy.purpose}`, { hint: 'try again when its runs have ended' })
}

/** mkfs makes it for root; e2fsck makes it again should it ever be needed. Only right after mkfs, before any plugin. */
function removeLostAndFound(mount: string): void {
  try {
    rmdirSync(join(mount, 'lost+found'))
    chmodSync(mount, 0o700)
  } catch {
    // An empty folder more is no harm.
  }
}

function openFolder(request: DataRequest): string {
  assertWeaker(request)
  const files = join(request.folder, 'files')
  mkdirSync(request.folder, { recursive: true, mode: 0o700 })
  try {
    mkdirSync(files, { mode: 0o700 })
    // Only right after it was made: later, what lies at this path is still a folder, but its content is the plugin's.
    if (request.ids.mode === 'root') chownSync(files, request.ids.uid, request.ids.gid)
    // A user cannot give files away; the folder above lets nobody but the plugin's own mount in.
    else if (request.ids.idmap === 'helper') chmodSync(files, 0o777)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !lstatSync(files).isDirectory()) throw error
  }
  return files
}

function assertWeaker({ name, weaker }: DataRequest): void {
  if (weaker.includes('data-quota')) return
  throw new IsolationError('DATA_QUOTA_UNAVAILABLE', `cannot run ${name}: only root can give its /data a quota`, {
    hint: 'run plugins as root, or with --weaker data-quota, which leaves the size of /data unlimited',
    details: { layer: 'data-quota' },
  })
}

/** A mount point has another device than the folder it lies in. */
function isMounted(mount: string): boolean {
  const own = lstatSync(mount, { throwIfNoEntry: false })
  return own?.isDirectory() === true && own.dev !== statSync(dirname(mount)).dev
}
