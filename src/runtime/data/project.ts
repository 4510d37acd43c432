import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { IsolationError, StoreError } from '../../core/errors.ts'
import { formatSize } from '../../core/quantity.ts'
import { withFolderLock } from '../folder-lock.ts'
import { spawn } from '../host-tools.ts'
import { findLauncher } from '../launcher-binary.ts'
import { BLOCK, type DataRequest, heldIn, inodesFor } from './request.ts'

/**
 * /data as a folder with a project quota of the file system it lies on (ext4, XFS): no image and no mount. A plugin cannot
 * leave its project: in a user namespace the kernel refuses to change it, and so does the filter.
 */
export interface Limits {
  readonly bytes: number
  readonly inodes: number
}

/** What is asked for must be there for files; folders and the map of a large file's blocks are counted as well. */
export function limitsFor(bytes: number): Limits {
  const whole = Math.ceil((bytes + Math.ceil(bytes / 256) + BLOCK) / BLOCK) * BLOCK
  return { bytes: whole, inodes: inodesFor(bytes) + 1 }
}

/** Would the file system that `folder` lies on, or will lie on, hold a project of ours? */
export function holdsProjects(folder: string): boolean {
  const state = ask(nearest(folder))
  // Below another project it is that one's files: taken out, they would be more than its owner was given.
  return state?.enforced === true && state.project === 0
}

/** Root's: the project is made, kept and lifted by us. Idempotent; one statfs when nothing has changed. */
export function openProject(request: DataRequest): string {
  const place = heldIn(request.folder)
  const limits = limitsFor(request.bytes)
  if (isHeld(place, limits, request.ids.uid)) return place
  mkdirSync(request.folder, { recursive: true, mode: 0o700 })
  return withFolderLock(request.folder, `open /data of ${request.name}`, () => holdProject(request, place, limits))
}

/** Before what it held is removed, so that whatever interrupts, a removal that is begun again finds the project by the folder. */
export function liftProject(place: string): void {
  if (process.geteuid?.() !== 0 || !existsSync(place)) return
  const project = ask(place)?.project ?? 0
  if (project !== 0) mustSucceed(`lift the quota of ${place}`, place, project, { bytes: 0, inodes: 0 })
}

/** Is what lies there some project's already? */
export const isOfProject = (folder: string): boolean => (ask(folder)?.project ?? 0) !== 0

/** More than any disk has. A run narrows it to what its manifest says. */
const WIDE: Limits = { bytes: 2 ** 52, inodes: 2 ** 31 }

/** A new folder in a project of its own, to be filled by us and to become `held`; without one where nothing enforces it. */
export function joinProject(place: string, folder: string, uid: number): void {
  mkdirSync(place, { mode: 0o700 })
  if (holdsProjects(folder)) mustSucceed(`give ${place} a quota`, place, freeProject(folder, uid), WIDE)
}

/**
 * An ordinary user's: an administrator has given the folder to a project with limits (docs/rootless.md). The place in it to
 * be bound, or `null` if nobody did.
 *
 * @throws IsolationError when its limits are wider than the plugin may have
 */
export function preparedPlace(request: DataRequest): string | null {
  const { folder, name, bytes } = request
  if (!existsSync(folder)) return null
  const [own, above] = [sizeOf(folder), sizeOf(dirname(folder))]
  // statfs(2) shows the limits of a project as the size of its folders, if they are enforced; nothing else makes it differ.
  if (own.bytes >= above.bytes || own.inodes >= above.inodes) return null
  const limits = limitsFor(bytes)
  if (own.bytes > limits.bytes || own.inodes > limits.inodes) {
    throw new IsolationError(
      'DATA_QUOTA_UNAVAILABLE',
      `cannot run ${name}: its folder was prepared with ${formatSize(own.bytes)} and ${own.inodes} files, more than limits.data allows`,
      { hint: `sudo setquota ${setquotaOf('PROJECT', limits)}`, details: { layer: 'data-quota' } },
    )
  }
  return heldIn(folder)
}

export function openPrepared(request: DataRequest, place: string): string {
  if (existsSync(place)) {
    const [held, folder] = [sizeOf(place), sizeOf(request.folder)]
    if (held.bytes === folder.bytes && held.inodes === folder.inodes) return place
    throw new IsolationError(
      'DATA_QUOTA_UNAVAILABLE',
      `cannot run ${request.name}: ${place} is not in its folder's project`,
      {
        hint: `sudo chattr -R +P -p PROJECT ${place}, with that of ${request.folder} (lsattr -dp)`,
        details: { layer: 'data-quota' },
      },
    )
  }
  const state = ask(request.folder)
  if (state === null || !state.enforced || !state.inherited || state.project === 0) {
    throw new IsolationError(
      'DATA_QUOTA_UNAVAILABLE',
      `cannot run ${request.name}: what is made in ${request.folder} is in no project that has limits`,
      { hint: `sudo chattr +P -p PROJECT ${request.folder}`, details: { layer: 'data-quota' } },
    )
  }
  mkdirSync(place, { mode: 0o700 })
  // A user cannot give files away; the folder above lets nobody but the plugin's own mount in.
  if (request.ids.uid !== process.geteuid?.()) chmodSync(place, 0o777)
  return place
}

/** Arguments of setquota(8): KiB and files, hard limits. */
export const setquotaOf = (project: string, { bytes, inodes }: Limits): string =>
  `-P ${project} 0 ${bytes / 1024} 0 ${inodes} MOUNT`

function holdProject(request: DataRequest, place: string, limits: Limits): string {
  const { folder, name, bytes, ids } = request
  if (isHeld(place, limits, ids.uid)) return place
  const state = ask(folder)
  if (state?.enforced !== true) {
    throw new IsolationError(
      'DATA_QUOTA_UNAVAILABLE',
      `cannot run ${name}: a project quota held its /data, and the file system of ${folder} enforces none any more`,
      { hint: 'mount it with prjquota again', details: { layer: 'data-quota' } },
    )
  }
  const owner = lstatSync(place, { throwIfNoEntry: false })?.uid
  if (owner === undefined) mkdirSync(place, { mode: 0o700 })
  const kept = ask(place)?.project ?? 0
  if (kept === 0 && owner === ids.uid) {
    throw new IsolationError('DATA_QUOTA_UNAVAILABLE', `cannot run ${name}: ${place} was taken out of its project`, {
      hint: `plugins remove ${name} --purge, which deletes what it kept`,
      details: { layer: 'data-quota' },
    })
  }
  const project = kept === 0 ? freeProject(folder, ids.uid) : kept
  const used = ask(place, project)
  if ((used?.usedBytes ?? 0) > limits.bytes || (used?.usedInodes ?? 0) > limits.inodes) {
    throw new StoreError(
      'DATA_SHRINK_REFUSED',
      `cannot run ${name}: it keeps ${formatSize(used?.usedBytes ?? 0)} in ${used?.usedInodes} files in /data, more than its limit of ${formatSize(bytes)} allows`,
      { hint: `raise limits.data, or plugins remove ${name} --purge, which deletes what it kept` },
    )
  }
  mustSucceed(`give /data of ${name} a quota`, place, project, limits)
  // Last, and only of an empty folder: that it is the plugin's says that it is held.
  if (owner !== ids.uid) chownSync(place, ids.uid, ids.gid)
  return place
}

const PROJECT_STEP = 2 ** 20
/** The plugin's uid, unless somebody else (another home on this file system) has a project of that number already. */
function freeProject(folder: string, uid: number): number {
  for (let project = uid; project < uid + 16 * PROJECT_STEP && project < 2 ** 32 - 1; project += PROJECT_STEP) {
    const state = ask(folder, project)
    if (state && state.bytes === 0 && state.inodes === 0 && state.usedBytes === 0 && state.usedInodes === 0)
      return project
  }
  throw new IsolationError('DATA_QUOTA_UNAVAILABLE', `cannot give ${folder} a quota: no project number is free`)
}

function isHeld(place: string, limits: Limits, uid: number): boolean {
  if (lstatSync(place, { throwIfNoEntry: false })?.uid !== uid) return false
  const { bytes, inodes } = sizeOf(place)
  return bytes === limits.bytes && inodes === limits.inodes
}

function sizeOf(folder: string): Limits {
  const { bsize, blocks, files } = statfsSync(folder)
  return { bytes: bsize * blocks, inodes: files }
}

/** What the launcher says of a folder. The figures are told to root alone. */
interface ProjectState {
  readonly project: number
  readonly inherited: boolean
  readonly enforced: boolean
  readonly bytes?: number
  readonly inodes?: number
  readonly usedBytes?: number
  readonly usedInodes?: number
}

function ask(folder: string, project?: number): ProjectState | null {
  const { status, stdout } = spawn(findLauncher(), [
    '--project',
    folder,
    ...(project === undefined ? [] : [`${project}`]),
  ])
  return status === 0 ? (JSON.parse(stdout) as ProjectState) : null
}

function mustSucceed(purpose: string, folder: string, project: number, { bytes, inodes }: Limits): void {
  const { status, stderr, error } = spawn(findLauncher(), ['--project', folder, `${project}`, `${bytes}`, `${inodes}`])
  if (status === 0) return
  const why = error?.message ?? stderr.trim().replace(/^plugins: /, '')
  throw new IsolationError('DATA_QUOTA_UNAVAILABLE', `cannot ${purpose}: ${why}`, {
    ...(error && { cause: error }),
    details: { layer: 'data-quota' },
  })
}

function nearest(folder: string): string {
  let path = folder
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path)
  return path
}
