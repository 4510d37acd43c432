import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isOfDisk, reasonOfDisk } from '../../core/disk-failure.ts'
import { StoreError } from '../../core/errors.ts'
import { withFolderLock } from '../folder-lock.ts'
import { spawn } from '../host-tools.ts'
import { findLauncher } from '../launcher-binary.ts'
import { copy, copyAtOnce, exchange } from './copy.ts'
import { flushFolder } from './flush.ts'
import { FUSE, isMounted, LOOP } from './mounting.ts'
import { removeKept } from './removal.ts'
import { imageIn, mountIn, PARTS, type Part } from './request.ts'

/** What a snapshot was found to be. */
export interface SnapshotReport {
  /** In use on the disk, as far as the file system does not share it. */
  readonly bytes: number
  /** Taken while the plugin ran. */
  readonly isLive: boolean
}

/** "acme/hello": a plugin's folder is named for it. */
export const dataName = (data: string): string => data.split('/').slice(-2).join('/')

/**
 * Copies what a plugin keeps into the new folder `into`, which is there as a whole or not at all; one that was there is
 * replaced in one step. `null`: it keeps nothing.
 *
 * An image is copied while nobody can write to it, so it is one moment's. Folders of a plugin that runs are copied file by
 * file: each file as it was when its turn came.
 *
 * @throws StoreError `DISK_FAILED`; `STORE_BUSY` for an image that fuse2fs serves while the plugin runs
 */
export async function takeSnapshot({
  data,
  into,
  isRunning,
}: {
  readonly data: string
  readonly into: string
  readonly isRunning: boolean
}): Promise<SnapshotReport | null> {
  const purpose = `keep /data of ${dataName(data)}`
  const staged = stagedIn(into)
  drop(staged)
  const parts = PARTS.filter((part) => lstatSync(join(data, part), { throwIfNoEntry: false }) !== undefined)
  if (parts.length === 0) {
    dropSnapshot(into)
    return null
  }
  try {
    // 0700, like all of the home: what is in it may be a program with rights, of an id that others could become.
    mkdirSync(staged, { recursive: true, mode: 0o700 })
    let bytes = 0
    for (const part of parts) bytes += await takePart({ data, part, into: join(staged, part), purpose })
    flushFolder(staged)
    putInPlace(staged, into)
    return { bytes, isLive: isRunning }
  } catch (error) {
    drop(staged)
    throw isOfDisk(error) ? diskFailed(purpose, error) : error
  }
}

/** Removes it, and what an interrupted one has left of it; the plugin's folder of snapshots goes with the last. Idempotent. */
export function dropSnapshot(folder: string): void {
  for (const one of [folder, stagedIn(folder)]) drop(one)
  removeEmpty(dirname(folder))
}

/** All of a plugin: `layout.snapshots(name)` is gone afterwards. Idempotent. */
export function dropSnapshots(folder: string): void {
  if (existsSync(folder)) for (const name of readdirSync(folder)) drop(join(folder, name))
  removeEmpty(folder)
}

function removeEmpty(folder: string): void {
  try {
    // The namespace's stays: another plugin may be about to make its own in there.
    rmdirSync(folder)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

const stagedIn = (folder: string): string => `${folder}.new`

function drop(folder: string): void {
  for (const part of PARTS) {
    const path = join(folder, part)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory()) removeKept(path)
    else if (found !== undefined) rmSync(path)
  }
  rmSync(folder, { recursive: true, force: true })
}

interface PartCopy {
  readonly data: string
  readonly part: Part
  readonly into: string
  readonly purpose: string
}

function takePart({ data, part, into, purpose }: PartCopy): Promise<number> | number {
  const from = join(data, part)
  if (part !== 'image.ext4') return copy({ from, into, purpose, as: ownerOf(from) })
  // Frozen, not unmounted: a run that is about to start has been told where it is mounted already.
  if (isByKernel() && isMounted(mountIn(data))) return copy({ from, into, purpose, frozen: mountIn(data) })
  return withFolderLock(data, purpose, () => {
    if (isByKernel()) LOOP.takeUp(from, mountIn(data), purpose)
    if (isByKernel() && isMounted(mountIn(data))) return copyAtOnce({ from, into, purpose, frozen: mountIn(data) })
    // A process holds what fuse2fs serves in its memory: only when that has ended is the image whole.
    if (!isByKernel()) FUSE.unmount(from, mountIn(data), purpose)
    return copyAtOnce({ from, into, purpose })
  })
}

const isByKernel = (): boolean => process.geteuid?.() === 0

/**
 * Lets go of what a copy has frozen whose processes were all killed in one moment. Nobody else does: whoever writes to it
 * hangs, and hears no signal. For who has the change of the plugin that made the copy; nobody else freezes anything.
 *
 * @throws StoreError `DISK_FAILED`
 */
export function thaw(data: string): void {
  if (!isByKernel() || !isMounted(mountIn(data))) return
  const { status, stderr, error } = spawn(findLauncher(), ['--thaw', mountIn(data)])
  if (status === 0) return
  const why = error?.message ?? stderr.trim().replace(/^plugins: /, '')
  throw new StoreError('DISK_FAILED', `cannot let go of /data of ${dataName(data)}: ${why}`, {
    ...(error && { cause: error }),
  })
}

/** Takes the file system of an image down. @throws StoreError `STORE_BUSY` while somebody uses it */
export function takeDown(data: string, purpose: string): void {
  const how = isByKernel() ? LOOP : FUSE
  if (existsSync(imageIn(data))) how.unmount(imageIn(data), mountIn(data), purpose)
}

/** Whose files they are where they are not the caller's own; of an empty folder nobody has to know. */
export function ownerOf(folder: string): { readonly uid: number; readonly gid: number } | null {
  if (isByKernel()) return null
  const own = process.geteuid?.()
  for (const name of readdirSync(folder)) {
    const { uid, gid } = lstatSync(join(folder, name))
    if (uid !== own) return { uid, gid }
  }
  return null
}

function putInPlace(staged: string, into: string): void {
  if (existsSync(into) && exchange(staged, into)) drop(staged)
  else {
    drop(into)
    renameSync(staged, into)
  }
  // The folders of the plugin and of its namespace may be new as well.
  for (const folder of [dirname(into), dirname(dirname(into)), dirname(dirname(dirname(into)))]) flushFolder(folder)
}

export const diskFailed = (purpose: string, cause: unknown): StoreError =>
  new StoreError('DISK_FAILED', `cannot ${purpose}: ${reasonOfDisk(cause as Error)}`, { cause })
