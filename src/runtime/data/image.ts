import { closeSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { StoreError } from '../../core/errors.ts'
import { formatSize } from '../../core/quantity.ts'
import { withFolderLock } from '../folder-lock.ts'
import { runTool } from '../host-tools.ts'
import { copyAtOnce } from './copy.ts'
import { flushFile, flushFolder } from './flush.ts'
import { isMounted, type Mounting } from './mounting.ts'
import { BLOCK, type DataRequest, freshImageIn, imageIn, inodesFor, mountIn } from './request.ts'

const MiB = 2 ** 20

const JOURNAL_FROM = 8 * MiB
/** Below 8 MiB mke2fs makes no journal, and it would be larger than what it protects: e2fsck comes before every mount. */
const journalFor = (bytes: number, { journals }: Mounting): number => (bytes < JOURNAL_FROM || !journals ? 0 : 4 * MiB)

/**
 * What is asked for must be there for files; the rest comes on top: 256 bytes an inode, the journal, what ext4 keeps free
 * for its own allocations (2 %, at most 16 MiB), and bitmaps and room to grow.
 */
function imageBytesFor(bytes: number, how: Mounting): number {
  const kept = Math.min(Math.ceil(bytes / 45), 16 * MiB) + Math.ceil(bytes / 256)
  const overhead = inodesFor(bytes) * 256 + journalFor(bytes, how) + kept + 2 * BLOCK
  return Math.ceil((bytes + overhead) / BLOCK) * BLOCK
}

/**
 * /data as a file system of its own size, in an image that is mounted once and kept, because a mount per run would cost more
 * than the launcher.
 */
export function openImage(request: DataRequest, how: Mounting): string {
  const { folder, name, bytes } = request
  const image = imageIn(folder)
  const mount = mountIn(folder)
  const wanted = imageBytesFor(bytes, how)
  // The usual case waits for nobody.
  if (statSync(image, { throwIfNoEntry: false })?.size === wanted && isMounted(mount)) return mount
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Two first runs at once would make, check and mount one image twice, and destroy it.
  return withFolderLock(folder, `open /data of ${name}`, () => prepareImage(request, how, { image, mount, wanted }))
}

function prepareImage(
  request: DataRequest,
  how: Mounting,
  { image, mount, wanted }: { readonly image: string; readonly mount: string; readonly wanted: number },
): string {
  const { name, bytes } = request
  const kept = statSync(image, { throwIfNoEntry: false })
  rmSync(freshImageIn(request.folder), { force: true })
  if (kept) how.takeUp(image, mount, `open /data of ${name}`)
  if (kept && kept.size > wanted) {
    throw new StoreError(
      'DATA_SHRINK_REFUSED',
      `cannot run ${name}: its kept /data is a file system of ${formatSize(kept.size)}, larger than the ${formatSize(wanted)} that its limit of ${formatSize(bytes)} allows`,
      { hint: `raise limits.data, or plugins remove ${name} --purge, which deletes what it kept` },
    )
  }
  if (kept?.size === wanted && isMounted(mount)) return mount
  if (!kept) makeImage(request, how, image, wanted)
  else if (kept.size < wanted) growImage(request, how, image, { from: kept.size, to: wanted })
  mkdirSync(mount, { recursive: true, mode: 0o700 })
  if (!isMounted(mount)) mountImage(request, image, mount, how)
  return mount
}

function makeImage({ folder, name, bytes, ids }: DataRequest, how: Mounting, image: string, size: number): void {
  const fresh = freshImageIn(folder)
  const fd = openSync(fresh, 'wx', 0o600)
  try {
    ftruncateSync(fd, size)
  } finally {
    closeSync(fd)
  }
  // No reserved blocks: they are for a root that never writes here. root_owner: the folder is the plugin's from the start,
  // so no chown ever walks a tree that the plugin can write.
  const args = ['-q', '-F', '-m', '0', '-b', '4096', '-I', '256', '-N', String(inodesFor(bytes))]
  const bytesOfJournal = journalFor(bytes, how)
  const journal = bytesOfJournal === 0 ? ['-O', '^has_journal'] : ['-J', `size=${bytesOfJournal / MiB}`]
  const extended = `root_owner=${ids.uid}:${ids.gid},lazy_itable_init=1,nodiscard`
  try {
    const to = { purpose: `make the file system for /data of ${name}`, code: 'DATA_QUOTA_UNAVAILABLE' } as const
    runTool('mkfs.ext4', [...args, ...journal, '-E', extended, '-L', 'bulkhead-data', fresh], to)
    // mkfs makes a folder of root's in it, which e2fsck makes again should it ever be needed; and lets everybody look.
    for (const edit of ['rmdir lost+found', 'set_inode_field / mode 040700']) {
      runTool('debugfs', ['-w', '-R', edit, fresh], to)
    }
    if (how.reserved > 0) runTool('tune2fs', ['-r', String(how.reserved), fresh], to)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
  renameSync(fresh, image)
}

/**
 * Offline, because a grown file below a mounted loop device is seen by nobody; and in a copy, for resize2fs moves what it enlarges
 * about: killed in the middle, it leaves what no e2fsck puts right by itself, or a file of the new size with a smaller file system in it.
 */
function growImage(
  { folder, name, bytes }: DataRequest,
  how: Mounting,
  image: string,
  size: { readonly from: number; readonly to: number },
): void {
  const purpose = `grow /data of ${name}`
  how.unmount(image, mountIn(folder), purpose)
  const fresh = freshImageIn(folder)
  try {
    copyAtOnce({ from: image, into: fresh, purpose })
    const to = { purpose, code: 'DATA_QUOTA_UNAVAILABLE' } as const
    runTool('e2fsck', ['-f', how.repair, fresh], { ...to, ok: [1] })
    // Named in KiB: a bare number would be in blocks of the file system. It enlarges the file itself.
    runTool('resize2fs', [fresh, `${size.to / 1024}K`], to)
    const journal = journalFor(bytes, how)
    if (journal > 0 && size.from < imageBytesFor(JOURNAL_FROM, how)) {
      runTool('tune2fs', ['-J', `size=${journal / MiB}`, fresh], to)
    }
    if (how.reserved > 0) runTool('tune2fs', ['-r', String(how.reserved), fresh], to)
    flushFile(fresh)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
  renameSync(fresh, image)
  flushFolder(folder)
}

function mountImage({ name }: DataRequest, image: string, mount: string, how: Mounting): void {
  const purpose = `mount /data of ${name}`
  // After a power cut; on a clean image it reads one block.
  runTool('e2fsck', [how.repair, image], { purpose, code: 'DATA_QUOTA_UNAVAILABLE', ok: [1] })
  how.mount(image, mount, purpose)
}
