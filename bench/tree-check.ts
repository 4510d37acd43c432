import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { ARCHIVE_BOUNDS } from '../src/core/archive.ts'
import { readArchive } from '../src/core/archive-reader.ts'
import { Layout, packageOf } from '../src/core/layout.ts'
import { Trees } from '../src/store/trees.ts'
import { signedFilesOf } from '../src/verify/index.ts'
import { LAUNCHER, type Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** What a large plugin pays before each run for being the signed one still, when nobody has changed it. */
export async function treeCheck(stage: Stage): Promise<Row[]> {
  const { tarball, size } = await stage.large()
  const { home, manager } = await stage.home('checked-home')
  const { name } = await manager.install(tarball, { consent: () => true })
  const packageDir = packageOf((await manager.info(name)).path)

  const signed = signedFilesOf(readArchive(await readFile(tarball), ARCHIVE_BOUNDS))
  const trees = new Trees({ layout: new Layout(home), sealer: LAUNCHER })
  const seal = await trees.seal(packageDir, signed)
  const sealed = timed(async () => {
    const found = await trees.check(packageDir, signed, seal)
    // No fresh seal means that the one given held.
    assert.deepEqual(found, { modified: [], missing: [], extra: [], seal: null })
  })
  const thorough = timed(async () => {
    const { modified } = await trees.check(packageDir, signed, seal, { thorough: true })
    assert.deepEqual(modified, [])
  })
  const cleared = timed(async () => void (await manager.plan(name)))

  const paths = stage.path('paths')
  await writeFile(paths, signed.map(({ path }) => `${packageDir}/${path}\0`).join(''))
  const script = 'exec xargs -0 sha256sum < "$1"'
  const sha256sum = () => stage.driver.once({ argv: ['/bin/sh', '-c', script, 'sh', paths] })

  const contenders = [sealed, thorough, ...(stage.noRoot === null ? [cleared] : []), sha256sum]
  await interleave(2, contenders)
  const samples = await interleave(stage.rounds(25, 5), contenders)
  await manager.close()
  const theirs = samples.at(-1) ?? []
  const row = { against: 'sha256sum of it', unit: 'ms', theirs } as const
  const rows = [
    rowOf({ ...row, work: `check before a run: ${size}`, ours: samples[0] ?? [], goal: atMost(0.15) }),
    rowOf({ ...row, work: `check, every file hashed: ${size}`, ours: samples[1] ?? [] }),
  ]
  if (samples.length === 4)
    rows.push(rowOf({ ...row, work: `manager.plan (signature, check, plan): ${size}`, ours: samples[2] ?? [] }))
  return rows
}

const timed = (work: () => Promise<void>) => async (): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}
