import { mkdir, rm, writeFile } from 'node:fs/promises'
import type { Stage } from './stage.ts'
import { type Row, rowOf } from './table.ts'

/** `plugins list` on a host that has many: each of them really packed, signed and installed. */
export async function list(stage: Stage): Promise<Row[]> {
  const count = stage.rounds(1000, 100)
  const { home, manager } = await stage.home('list-home')
  let ms = 0
  for (let number = 0; number < count; number++) {
    const tarball = await stage.publish(await tiny(stage, number))
    const began = performance.now()
    await manager.install(tarball, { consent: () => true })
    ms += performance.now() - began
    await rm(tarball)
  }
  await manager.close()
  stage.note(
    `${count} installs of a plugin of 2 files, one after the other in one process: ${(ms / 1000).toFixed(1)} s`,
  )

  const contenders = [{ argv: stage.plugins(home, 'list') }, { argv: stage.node }]
  const [ours, node] = await stage.driver.time(contenders, stage.rounds(50, 8), 2)
  if (!ours || !node) return []
  const row = { work: `plugins list: ${count} installed`, against: 'node -e 0' } as const
  return [
    rowOf({ ...row, unit: 'ms', ours: ours.ms, theirs: node.ms }),
    rowOf({ ...row, work: `${row.work}, peak memory`, unit: 'MiB', ours: ours.peakMiB, theirs: node.peakMiB }),
  ]
}

async function tiny(stage: Stage, number: number): Promise<string> {
  const folder = stage.path('tiny')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  const manifest = {
    name: `acme/tiny-${String(number).padStart(4, '0')}`,
    version: '1.0.0',
    description: `the plugin number ${number}`,
    entry: { runtime: 'node', path: 'main.mjs' },
  }
  await writeFile(`${folder}/plugin.json`, `${JSON.stringify(manifest, null, 2)}\n`)
  await writeFile(`${folder}/main.mjs`, `console.log(${number})\n`)
  return folder
}
