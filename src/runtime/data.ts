import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { IsolationError } from '../core/errors.ts'
import { openImage } from './data/image.ts'
import { FUSE, isMounted, LOOP, lackOfFuse } from './data/mounting.ts'
import { holdsProjects, liftProject, openPrepared, openProject, preparedPlace } from './data/project.ts'
import { removeKept } from './data/removal.ts'
import { type DataRequest, heldIn, imageIn, looseIn, mountIn, restoredIn } from './data/request.ts'
import { findTool, type HostTool } from './host-tools.ts'
import { dropEmptyNamespace } from './namespace-folder.ts'

/**
 * A plugin's /data, whose size the kernel enforces, of bytes and of files: by a project quota where the file system has it,
 * else as a file system of its own. What was begun in one way stays so.
 */
export type DataKind =
  /** A folder with a project quota, made by root. */
  | 'project'
  /** An image on a loop device. */
  | 'image'
  /** A folder with a project quota of an administrator's, for an ordinary user. */
  | 'prepared'
  /** An image that fuse2fs serves. */
  | 'fuse'
  /** `--weaker data-quota`: nothing limits it. */
  | 'folder'

/** The folder to bind at /data. Idempotent; two system calls when it is there already. */
export function openData(request: DataRequest): string {
  const kind = kindOf(request)
  switch (kind) {
    case 'project':
      return openProject(request)
    case 'image':
      return openImage(request, LOOP)
    case 'prepared':
      return openPrepared(request, heldIn(request.folder))
    case 'fuse':
      return openImage(request, FUSE)
    case 'folder':
      return openFolder(request)
  }
}

/** Where /data will be, without touching anything: for `--dry-run`. */
export function dataPlace(request: DataRequest): string {
  const kind = kindOf(request)
  if (kind === 'folder') return looseIn(request.folder)
  return kind === 'image' || kind === 'fuse' ? mountIn(request.folder) : heldIn(request.folder)
}

/** Unmounts and removes everything that the plugin ever kept, and the folder of the namespace when nothing else is in it. */
export function removeData(folder: string): void {
  unmount(folder, `remove ${folder}`)
  for (const place of [heldIn(folder), restoredIn(folder, 'held')]) liftProject(place)
  for (const part of ['files', 'held'] as const) {
    for (const kept of [`${folder}/${part}`, restoredIn(folder, part)]) {
      if (lstatSync(kept, { throwIfNoEntry: false })) removeKept(kept)
    }
  }
  rmSync(folder, { recursive: true, force: true })
  dropEmptyNamespace(folder)
}

/** Unmounts but keeps the image: for tests and for moving a home. */
export function closeData(folder: string): void {
  unmount(folder, `unmount ${mountIn(folder)}`)
}

/** Tools of the host that an image needs and that are not there. */
export function missingDataTools(): HostTool[] {
  return (['mkfs.ext4', 'debugfs', 'e2fsck', 'resize2fs', 'tune2fs', 'mount', 'umount', 'losetup'] as const).filter(
    (tool) => findTool(tool) === null,
  )
}

/** @throws IsolationError `DATA_QUOTA_UNAVAILABLE` when nothing here could hold it and it is not weakened by name */
export function kindOf(request: DataRequest): DataKind {
  const { folder, ids, weaker, caller, name } = request
  if (weaker.includes('data-quota')) return 'folder'
  if (ids.mode === 'root') {
    if (existsSync(imageIn(folder))) return 'image'
    return existsSync(heldIn(folder)) || holdsProjects(folder) ? 'project' : 'image'
  }
  const hasImage = existsSync(imageIn(folder))
  if (!hasImage && preparedPlace(request) !== null) return 'prepared'
  const lack = lackOfFuse(caller)
  if (lack === null) return 'fuse'
  const ways = [
    ...(lack.remedy === null ? [] : [lack.remedy]),
    'a project quota by an administrator (docs/rootless.md)',
  ]
  throw new IsolationError(
    'DATA_QUOTA_UNAVAILABLE',
    `cannot run ${name}: nothing gives its /data a quota: ${lack.reason}`,
    {
      hint: `${ways.join('; or ')}; or --weaker data-quota, which leaves the size of /data unlimited`,
      details: { layer: 'data-quota' },
    },
  )
}

function unmount(folder: string, purpose: string): void {
  const how = process.geteuid?.() === 0 ? LOOP : FUSE
  if (isMounted(mountIn(folder)) || (how === FUSE && existsSync(imageIn(folder)))) {
    how.unmount(imageIn(folder), mountIn(folder), purpose)
  }
}

function openFolder({ folder, ids }: DataRequest): string {
  const files = looseIn(folder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    mkdirSync(files, { mode: 0o700 })
    // Only right after it was made: later, what lies at this path is still a folder, but its content is the plugin's.
    if (ids.mode === 'root') chownSync(files, ids.uid, ids.gid)
    // A user cannot give files away; the folder above lets nobody but the plugin's own mount in.
    else if (ids.uid !== process.geteuid?.()) chmodSync(files, 0o777)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !lstatSync(files).isDirectory()) throw error
  }
  return files
}
