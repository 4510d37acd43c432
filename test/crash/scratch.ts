import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOM_BYTES = 2 * 2 ** 30

/** Thousands of copies of homes: in memory where there is room, for a kill loses nothing that a disk would keep. */
function place(): string {
  const named = process.env.BULKHEAD_CRASH_DIR
  if (named !== undefined) return named
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    if (bavail * bsize > ROOM_BYTES && process.geteuid?.() === 0) return '/dev/shm'
  } catch {
    // There is none.
  }
  return tmpdir()
}

function make(): string {
  const parent = place()
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'bulkhead-crash-'))
  process.once('exit', () => discard(folder))
  return folder
}

/** With whatever is mounted in it. */
export function discard(folder: string): void {
  for (const point of mountsBelow(folder)) spawnSync('umount', ['-l', point])
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** The innermost first. */
export function mountsBelow(folder: string): string[] {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
  return points.filter((point) => point === folder || point.startsWith(`${folder}/`)).reverse()
}

/** A private folder of this process, gone with it. */
export const SCRATCH = make()
