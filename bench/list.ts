import type { Stage } from './stage.ts'
import { type Row, rowOf } from './table.ts'

/** `plugins list` on a host that has many. */
export async function list(stage: Stage): Promise<Row[]> {
  const { home, count } = await stage.many()
  const contenders = [{ argv: stage.plugins(home, 'list') }, { argv: stage.node }]
  const [ours, node] = await stage.driver.time(contenders, stage.rounds(50, 8), 2)
  if (!ours || !node) return []
  const row = { work: `plugins list: ${count} installed`, against: 'node -e 0' } as const
  return [
    rowOf({ ...row, unit: 'ms', ours: ours.ms, theirs: node.ms }),
    rowOf({ ...row, work: `${row.work}, peak memory`, unit: 'MiB', ours: ours.peakMiB, theirs: node.peakMiB }),
  ]
}
