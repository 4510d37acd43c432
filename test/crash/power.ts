import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { aftermathOf, type Expected } from './aftermath.ts'
import { trace } from './boundary.ts'
import { run } from './condition.ts'
import { makeDisk, moveIn, takeAway } from './disk.ts'
import type { Estate } from './estate.ts'
import { type Moment, told } from './kills.ts'
import { discard, SCRATCH } from './scratch.ts'

/** Room for a home with some versions, and for the journal. */
const DISK_BYTES = 96 * 2 ** 20

/**
 * The home lies on a disk of its own, and at every so many calls a copy of that disk is made while everything stands still: what
 * was not flushed is in memory alone, and not in it. Each copy is mounted, as after a power cut, and looked at.
 */
export async function powerCuts(
  estate: Estate,
  expected: Expected,
  { from = 1, every = 1 }: { from?: number; every?: number },
): Promise<Moment[]> {
  const { operation } = expected
  const disk = makeDisk(DISK_BYTES)
  const home = moveIn(disk, await operation.before(estate))
  const copies = mkdtempSync(join(SCRATCH, 'copies-'))
  const command = `f() { cp --sparse=always '${disk.file}' '${copies}'/$1; }; f`
  const { calls } = await trace(home, { do: 'run', at: from, every, command }, operation.argv(home, estate))
  const moments: Moment[] = []
  for (const at of readdirSync(copies)
    .map(Number)
    .sort((a, b) => a - b)) {
    const copy = join(copies, `${at}`)
    moments.push({ at, call: told(calls, at, home), ...(await afterCut(copy, expected)) })
    rmSync(copy)
  }
  takeAway(disk)
  discard(copies)
  return moments
}

async function afterCut(disk: string, expected: Expected) {
  const top = mkdtempSync(join(SCRATCH, 'after-'))
  run('mount', '-o', 'loop', disk, top)
  try {
    return await aftermathOf(join(top, 'home'), expected)
  } finally {
    discard(top)
  }
}
