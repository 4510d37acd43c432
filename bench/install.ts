import { execFileSync } from 'node:child_process'
import { mkdir, rm, stat } from 'node:fs/promises'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** An install of a large plugin against what a careful person would type instead, without and with making it durable. */
export async function install(stage: Stage): Promise<Row[]> {
  const { tarball, size } = await stage.large()
  stage.note(
    `install: a tarball of ${((await stat(tarball)).size / 1e6).toFixed(1)} MB; ours is durable when it returns (one syncfs, then fsync of each ` +
      'rename), tar alone is not, so the rows "+ sync" compare like with like; a sync before each measurement',
  )

  let made = 0
  const inFresh = async (work: (home: Awaited<ReturnType<Stage['home']>>) => Promise<number>): Promise<number> => {
    const fresh = await stage.home(`install-${++made}`)
    try {
      execFileSync('sync')
      return await work(fresh)
    } finally {
      await fresh.manager.close()
      await rm(fresh.home, { recursive: true })
    }
  }
  const cli = () =>
    inFresh(async ({ home, manager }) => {
      await manager.close()
      return stage.driver.once({ argv: stage.plugins(home, 'install', tarball, '--yes') })
    })
  const library = () =>
    inFresh(async ({ manager }) => {
      const began = performance.now()
      await manager.install(tarball, { consent: () => true })
      return performance.now() - began
    })
  const byHand = (script: string) => async (): Promise<number> => {
    const out = stage.path('by-hand')
    await mkdir(out)
    execFileSync('sync')
    try {
      return await stage.driver.once({ argv: ['/bin/sh', '-ec', script, 'sh', tarball, out] })
    } finally {
      await rm(out, { recursive: true })
    }
  }
  const unpack = 'sha256sum "$1"; tar -xzf "$1" -C "$2"'
  const contenders = [cli, library, byHand(unpack), byHand(`${unpack}; sync -f "$2"`)]
  if (!stage.short) await interleave(1, contenders)
  const [ofCli = [], ofLibrary = [], tar = [], durable = []] = await interleave(stage.rounds(5, 2), contenders)

  const goal = atMost(2)
  const [plain, synced] = ['sha256sum + tar -xzf', 'sha256sum + tar -xzf + sync']
  const ours = { work: `plugins install: ${size}`, unit: 'ms', ours: ofCli } as const
  const fromLibrary = { work: `manager.install: ${size}`, unit: 'ms', ours: ofLibrary } as const
  return [
    rowOf({ ...ours, against: plain, theirs: tar, goal }),
    rowOf({ ...ours, against: synced, theirs: durable }),
    rowOf({ ...fromLibrary, against: plain, theirs: tar, goal }),
    rowOf({ ...fromLibrary, against: synced, theirs: durable }),
  ]
}
