import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Layout } from '../src/core/layout.ts'
import { DiskUse } from '../src/store/index.ts'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

const VERSIONS = 10

/** What updates cost in time and on the disk, and what a host with many plugins takes to be looked through. */
export async function lifecycle(stage: Stage): Promise<Row[]> {
  const { tarballs, size } = await stage.largeVersions(stage.rounds(VERSIONS, 2))
  return [...(await updates(stage, tarballs, size)), ...(await disk(stage, tarballs, size)), ...(await many(stage))]
}

/** One file of a large plugin changes: beside a plain install of it, and beside what a careful person would type instead. */
async function updates(stage: Stage, [first = '', second = '']: readonly string[], size: string): Promise<Row[]> {
  let made = 0
  const inFresh = async (before: readonly string[]): Promise<number> => {
    const { home, manager } = await stage.home(`update-${++made}`)
    try {
      for (const tarball of before) await manager.install(tarball, { consent: () => true })
      execFileSync('sync')
      const began = performance.now()
      await manager.install(second, { consent: () => true })
      return performance.now() - began
    } finally {
      await manager.close()
      await rm(home, { recursive: true })
    }
  }
  const byHand = (script: string) => async (): Promise<number> => {
    const [old, out] = [stage.path('by-hand-old'), stage.path('by-hand')]
    await mkdir(old)
    execFileSync('tar', ['-xzf', first, '-C', old])
    execFileSync('sync')
    try {
      return await stage.driver.once({ argv: ['/bin/sh', '-ec', script, 'sh', second, old, out] })
    } finally {
      await rm(old, { recursive: true })
      await rm(out, { recursive: true })
    }
  }
  const copied = 'sha256sum "$1"; cp -a "$2" "$3"; tar -xzf "$1" -C "$3"; sync -f "$3"'
  const contenders = [() => inFresh([first]), () => inFresh([]), byHand(copied)]
  if (!stage.short) await interleave(1, contenders)
  const [ours = [], plain = [], copy = []] = await interleave(stage.rounds(5, 2), contenders)
  const row = { work: `update of one file: ${size}`, unit: 'ms', ours } as const
  return [
    rowOf({ ...row, against: 'a plain install of it', theirs: plain, goal: atMost(1) }),
    rowOf({ ...row, against: 'sha256sum + cp -a + tar -xzf + sync', theirs: copy }),
  ]
}

/** Versions side by side that differ in one file: beside one of them, and beside as many that share nothing. */
async function disk(stage: Stage, tarballs: readonly string[], size: string): Promise<Row[]> {
  const { home, manager } = await stage.home('versions-home', { keepVersions: tarballs.length })
  for (const tarball of tarballs) await manager.install(tarball, { consent: () => true })
  await manager.close()
  execFileSync('sync')
  const { plugins } = new Layout(home)
  const usedBy = (path: string): number => new DiskUse().add(path).bytes / 2 ** 20
  const folder = join(plugins, 'acme/large')
  const releases = await readdir(folder)
  const [one = ''] = releases
  // What links make one file is two in a copy, and what shares blocks shares none there.
  const apart = stage.path('apart')
  await mkdir(apart)
  for (const release of releases) await cp(join(folder, release), join(apart, release), { recursive: true, mode: 0 })
  const ours = [usedBy(folder)]
  const row = { work: `disk of ${releases.length} versions: ${size}`, unit: 'MiB', ours } as const
  const rows = [
    rowOf({ ...row, against: 'one version', theirs: [usedBy(join(folder, one))], goal: atMost(1.5) }),
    rowOf({ ...row, against: 'as many copies', theirs: [usedBy(apart)] }),
  ]
  await rm(apart, { recursive: true })
  const clones = 'a file system that clones counts shared blocks in each file: df tells more there than these rows'
  stage.note(`lifecycle: the disk is what the blocks of all inodes come to (du); ${clones}`)
  return rows
}

/** Every plugin of many is looked at: in the database, beside a registry, and file by file. */
async function many(stage: Stage): Promise<Row[]> {
  const { home, registry, count } = await stage.many()
  const files = '0< "$1" exec xargs -0 sha256sum'
  const paths = stage.path('many-paths')
  execFileSync('/bin/sh', ['-ec', 'find "$1" -type f -print0 > "$2"', 'sh', join(home, 'plugins'), paths])
  const sums = { argv: ['/bin/sh', '-ec', files, 'sh', paths] }
  const node = { argv: stage.node }
  const works = [
    { command: ['list'], against: 'node -e 0', theirs: node, rounds: stage.rounds(20, 3) },
    { command: ['outdated', '--registry', registry], against: 'node -e 0', theirs: node, rounds: stage.rounds(5, 2) },
    { command: ['verify', '--all'], against: 'sha256sum of all files', theirs: sums, rounds: stage.rounds(5, 2) },
  ] as const
  const rows: Row[] = []
  for (const { command, against, theirs, rounds } of works) {
    const [ours, other] = await stage.driver.time([{ argv: stage.plugins(home, ...command) }, theirs], rounds, 1)
    const work = `plugins ${command.filter((word) => word !== registry).join(' ')}: ${count} installed`
    if (ours && other) rows.push(rowOf({ work, against, unit: 'ms', ours: ours.ms, theirs: other.ms }))
  }
  return rows
}
