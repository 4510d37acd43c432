import type { Stage } from './stage.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** The same run from the command line: a whole process, from its start to the plugin's end. */
export async function cliRun(stage: Stage): Promise<Row[]> {
  const { home, name } = await stage.wordCount()
  const contenders = [{ argv: stage.plugins(home, 'run', name) }, { argv: stage.node }]
  const [ours, node] = await stage.driver.time(contenders, stage.rounds(100, 15), 3)
  if (!ours || !node) return []
  const row = { work: 'plugins run: static program', against: 'node -e 0', unit: 'ms', goal: atMost(1.8) } as const
  return [rowOf({ ...row, ours: ours.ms, theirs: node.ms })]
}
