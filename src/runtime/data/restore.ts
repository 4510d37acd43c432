import { existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isOfDisk } from '../../core/disk-failure.ts'
import { StoreError } from '../../core/errors.ts'
import { removeData } from '../data.ts'
import { withFolderLock } from '../folder-lock.ts'
import { copy, copyAtOnce, exchange } from './copy.ts'
import { flushFolder } from './flush.ts'
import { isBound } from './mounting.ts'
import { isOfProject, joinProject, liftProject } from './project.ts'
import { removeKept } from './removal.ts'
import { freshImageIn, heldIn, looseIn, PARTS, type Part, restoredIn } from './request.ts'
import { dataName, diskFailed, ownerOf, takeDown } from './snapshot.ts'

/**
 * Puts `/data` back as the snapshot has it: afterwards it holds that and nothing else. `from: null`: there was none, and
 * what is there goes. Everything is copied beside what is there and flushed before the first part is exchanged; whatever
 * interrupts it, it can be done again.
 *
 * @throws StoreError `STORE_BUSY` while the plugin runs, `DISK_FAILED`
 */
export async function restoreSnapshot({
  from,
  data,
}: {
  readonly from: string | null
  readonly data: string
}): Promise<void> {
  const purpose = `bring back /data of ${dataName(data)}`
  assertUnused(data, purpose)
  if (from === null) return removeData(data)
  const parts = PARTS.filter((part) => lstatSync(join(from, part), { throwIfNoEntry: false }) !== undefined)
  if (parts.length === 0) throw new StoreError('DISK_FAILED', `cannot ${purpose}: there is no snapshot in ${from}`)
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 })
    takeDown(data, purpose)
    for (const part of PARTS) remove(restoredIn(data, part))
    remove(freshImageIn(data))
    const inPlace = parts.filter((part) => part === 'held' && isPrepared(data))
    for (const part of parts) if (!inPlace.includes(part)) await stage({ from, data, part, purpose })
    withFolderLock(data, purpose, () => {
      takeDown(data, purpose)
      for (const part of PARTS) {
        if (inPlace.includes(part)) refill({ from, data, part, purpose })
        else putBack(restoredIn(data, part), join(data, part))
      }
    })
    flushFolder(data)
    for (const part of PARTS) remove(restoredIn(data, part))
  } catch (error) {
    throw isOfDisk(error) ? diskFailed(purpose, error) : error
  }
}

interface PartRestored {
  readonly from: string
  readonly data: string
  readonly part: Part
  readonly purpose: string
}

/** An image that is in use cannot be taken down, and says so itself. */
function assertUnused(data: string, purpose: string): void {
  for (const folder of [heldIn(data), looseIn(data)]) {
    if (!existsSync(folder) || !isBound(folder)) continue
    throw new StoreError('STORE_BUSY', `cannot ${purpose} while the plugin runs`, {
      hint: 'try again when its runs have ended',
    })
  }
}

async function stage({ from, data, part, purpose }: PartRestored): Promise<void> {
  const kept = join(from, part)
  const into = restoredIn(data, part)
  // In a project of its own, for the present one is as full as it is; the next run gives it the limits of its manifest.
  if (part === 'held' && process.geteuid?.() === 0) joinProject(into, data, lstatSync(kept).uid)
  await copy({ from: kept, into, purpose, as: part === 'image.ext4' ? null : ownerOf(kept) })
}

/** What an administrator has given a project stays in it: nothing can be renamed into that, and nothing fits beside. */
const isPrepared = (data: string): boolean => process.geteuid?.() !== 0 && isOfProject(data)

function refill({ from, data, part, purpose }: PartRestored): void {
  const place = join(data, part)
  const kept = join(from, part)
  if (existsSync(place)) removeKept(place)
  copyAtOnce({ from: kept, into: place, purpose, as: ownerOf(kept) })
}

function putBack(staged: string, place: string): void {
  const isStaged = lstatSync(staged, { throwIfNoEntry: false }) !== undefined
  const isThere = lstatSync(place, { throwIfNoEntry: false }) !== undefined
  if (isStaged && isThere && exchange(staged, place)) return
  if (isThere) remove(place)
  if (isStaged) renameSync(staged, place)
}

function remove(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory()) {
    liftProject(path)
    removeKept(path)
  } else if (found !== undefined) rmSync(path)
}
