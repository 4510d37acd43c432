import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { aftermathOf, type Expected } from './aftermath.ts'
import { trace } from './boundary.ts'
import { run } from './condition.ts'
import type { Estate } from './estate.ts'
import { type Moment, told } from './kills.ts'
import { discard, SCRATCH } from './scratch.ts'

/** Room for a home with some versions, and for the journal. */
const DISK_BYTES = 96 * 2 ** 20

/** Why no disk can be made here; `false`: it can. */
export const cannotCutPower: string | false =
  process.geteuid?.() !== 0
    ? 'not root: no disk of its own can be mounted'
    : existsSync('/dev/loop-control') &&
        ['mkfs.ext4', 'losetup'].every((tool) => spawnSync(tool, ['-V']).error === undefined)
      ? false
      : 'no loop devices, or no mkfs.ext4'

/**
 * The home lies on a disk of its own, and at every so many calls a copy of that disk is made while everything stands still: what
 * was not flushed is in memory alone, and not in it. Each copy is mounted, as after a power cut, and looked at.
 *
 * Nothing reaches the disk by itself meanwhile: the journal is committed when somebody asks for it.
 */
export async function powerCuts(
  estate: Estate,
  expected: Expected,
  { from = 1, every = 1 }: { from?: number; every?: number },
): Promise<Moment[]> {
  const { operation } = expected
  const folder = mkdtempSync(join(SCRATCH, 'power-'))
  const [disk, top, copies] = [join(folder, 'disk'), join(folder, 'top'), join(folder, 'copies')]
  for (const made of [top, copies]) mkdirSync(made, { mode: 0o700 })
  const file = openSync(disk, 'wx', 0o600)
  ftruncateSync(file, DISK_BYTES)
  closeSync(file)
  run(
    'mkfs.ext4',
    '-q',
    '-F',
    '-m',
    '0',
    '-O',
    '^metadata_csum_seed',
    '-E',
    'lazy_itable_init=0,lazy_journal_init=0',
    disk,
  )
  run('mount', '-o', 'loop,commit=900', disk, top)
  const home = join(top, 'home')
  run('cp', '-a', await operation.before(estate), home)
  run('sync', '-f', top)
  const command = `f() { cp --sparse=always '${disk}' '${copies}'/$1; }; f`
  const { calls } = await trace(home, { do: 'run', at: from, every, command }, operation.argv(home, estate))
  const moments: Moment[] = []
  for (const at of readdirSync(copies)
    .map(Number)
    .sort((a, b) => a - b)) {
    const copy = join(copies, `${at}`)
    moments.push({ at, call: told(calls, at, home), ...(await afterCut(copy, expected)) })
    rmSync(copy)
  }
  discard(folder)
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
