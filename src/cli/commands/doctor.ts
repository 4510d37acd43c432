import { openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { plain, styleFor } from '../text.ts'

export async function doctor(settings: Settings, io: Io): Promise<number> {
  await using manager = await openManager(settings)
  const { findings: rows, canRun } = await manager.doctor()
  if (settings.json) {
    io.stdout(`${JSON.stringify({ canRun, layers: rows }, null, 2)}\n`)
    return canRun ? 0 : 5
  }
  const style = styleFor(settings.color)
  const width = Math.max(...rows.map(({ layer }) => layer.length))
  for (const row of rows) {
    const mark = row.available ? style('good', 'yes ') : row.required ? style('bad', 'NO  ') : style('dim', 'no  ')
    io.stdout(`${row.layer.padEnd(width)}  ${mark}  ${plain(row.detail)}\n`)
    if (!row.available && row.remedy !== null) io.stdout(`${' '.repeat(width)}        ${plain(row.remedy)}\n`)
  }
  io.stdout(canRun ? '\nplugins can run here\n' : '\nplugins cannot run here: a required layer is missing\n')
  return canRun ? 0 : 5
}
