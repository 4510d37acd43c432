import { type HostProfile, hostProfile, openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, styleFor } from '../text.ts'

export async function doctor(settings: Settings, io: Io, { print }: { print?: HostProfile }): Promise<number> {
  if (print !== undefined) {
    const text = await hostProfile(print)
    io.stdout(settings.json ? `${JSON.stringify({ profile: print, text })}\n` : text)
    return 0
  }
  await using manager = await openManager(homeOf(settings))
  const { findings: rows, canRun } = await manager.doctor()
  if (settings.json) {
    io.stdout(`${JSON.stringify({ canRun, layers: rows }, null, 2)}\n`)
    return canRun ? 0 : 5
  }
  const style = styleFor(settings.color)
  const width = Math.max(...rows.map(({ layer }) => layer.length))
  const indent = ' '.repeat(width + 8)
  // What one permission would give comes in a row; why it is withheld, and the way to it, is told once.
  let last: (typeof rows)[number] | undefined
  for (const row of rows) {
    const mark = row.available ? style('good', 'yes ') : row.required ? style('bad', 'NO  ') : style('dim', 'no  ')
    const detail = row.errno ? `${row.detail} (${row.errno})` : row.detail
    const again = row.cause !== undefined && row.cause === last?.cause
    io.stdout(`${row.layer.padEnd(width)}  ${mark}  ${plain(again ? `${detail}, for the same reason` : detail)}\n`)
    if (row.better) io.stdout(`${indent}better: ${plain(row.better)}\n`)
    if (row.available) continue
    if (!again && row.cause) io.stdout(`${indent}${plain(row.cause)}\n`)
    if (row.remedy !== null && row.remedy !== last?.remedy) io.stdout(`${indent}${plain(row.remedy)}\n`)
    last = row
  }
  io.stdout(canRun ? '\nplugins can run here\n' : '\nplugins cannot run here: a required layer is missing\n')
  return canRun ? 0 : 5
}
