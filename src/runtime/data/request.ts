import type { Caller } from '../caller.ts'
import type { Ids } from '../ids.ts'

/** A plugin's /data, as a run asks for it. */
export interface DataRequest {
  readonly name: string
  /** `layout.data(name)`. */
  readonly folder: string
  readonly bytes: number
  readonly ids: Ids
  readonly weaker: readonly string[]
  /** Who runs Bulkhead: what withholds set-user-id programs from an ordinary user withholds `fusermount`. */
  readonly caller?: Pick<Caller, 'uid' | 'noNewPrivileges' | 'bounded'>
}

/** Sixteen blocks of the file system. */
export const BLOCK = 65_536

/** One file for every 8 KiB, as mkfs would for a small disk; at least enough for a program's settings. */
export const inodesFor = (bytes: number): number => Math.min(Math.max(Math.ceil(bytes / 8192), 64), 1 << 20)

export const imageIn = (folder: string): string => `${folder}/image.ext4`
/** An image in the making, that nobody goes on with when it was not finished. */
export const freshImageIn = (folder: string): string => `${imageIn(folder)}.new`
export const mountIn = (folder: string): string => `${folder}/mnt`
/** What a project quota holds. Another name than of what nothing holds, so that no file of the one is ever in the other. */
export const heldIn = (folder: string): string => `${folder}/held`
export const looseIn = (folder: string): string => `${folder}/files`

/** What `/data` may be of, by its name in the folder: one of them, and `files` besides where a run was weakened. */
export const PARTS = ['image.ext4', 'held', 'files'] as const
export type Part = (typeof PARTS)[number]

/** A part in the making that is to take the place of the present one, and then that one. */
export const restoredIn = (folder: string, part: Part): string => `${folder}/${part}.restored`
