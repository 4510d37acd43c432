import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeSpec } from '../src/runtime/spec.ts'
import { bwrapOf, LAUNCHER, type Stage } from './stage.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** The launcher alone, with the specification of a real run and every layer on: from its start to its end. */
export async function launcher(stage: Stage): Promise<Row[]> {
  const { manager, name, path } = await stage.wordCount()
  // One run through the library makes the cgroup folders that the specification names.
  await (await manager.run(name, { stdio: { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } })).outcome
  const spec = stage.path('spec')
  await writeFile(spec, encodeSpec(await manager.plan(name)))

  const contenders = [
    { argv: [LAUNCHER], fd3: spec },
    { argv: bwrapOf(path) },
    { argv: [join(path, 'root/plugin/bin/word-count')] },
  ]
  const [ours, bwrap, bare] = await stage.driver.time(contenders, stage.rounds(400, 50), 10)
  if (!ours || !bwrap || !bare) return []
  const work = 'launcher: static program, all layers'
  return [
    rowOf({ work, against: 'bwrap --unshare-all', unit: 'ms', ours: ours.ms, theirs: bwrap.ms, goal: atMost(0.7) }),
    rowOf({ work, against: 'posix_spawn of it', unit: 'ms', ours: ours.ms, theirs: bare.ms, goal: atMost(4) }),
  ]
}
