import { formatDuration, formatSize, openManager, type RunRecord } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { positive } from '../positive.ts'
import { table } from '../text.ts'

export async function history(settings: Settings, io: Io, name: string | undefined, options: { limit: string }) {
  await using manager = await openManager(settings)
  const runs = manager.history(name ?? null, positive(options.limit, '--limit'))
  if (settings.json) return void io.stdout(`${JSON.stringify(runs, null, 2)}\n`)
  if (runs.length === 0) {
    if (!settings.quiet) io.stderr(`no run${name === undefined ? '' : ` of ${name}`} yet\n`)
    return
  }
  io.stdout(table(['STARTED', 'PLUGIN', 'OUTCOME', 'WALL', 'CPU', 'MEMORY', 'VERSION'], runs.map(row), io.columns))
}

function row(run: RunRecord): string[] {
  const usage = run.outcome?.usage
  return [
    new Date(run.startedAtMs).toISOString().replace('T', ' ').slice(5, 19),
    run.name,
    outcomeText(run),
    usage === undefined ? '-' : formatDuration(usage.wallMs),
    usage?.cpuMs == null ? '-' : formatDuration(usage.cpuMs),
    usage?.memoryPeakBytes == null ? '-' : formatSize(usage.memoryPeakBytes),
    run.version,
  ]
}

function outcomeText({ outcome, weaker }: RunRecord): string {
  const without = weaker.length === 0 ? '' : ` (without ${weaker.join(', ')})`
  if (outcome === null) return `running${without}`
  switch (outcome.outcome) {
    case 'exited':
      return `exited ${outcome.code}${without}`
    case 'signalled':
      return `${outcome.signal}${without}`
    case 'limited':
      return `limit: ${outcome.limit}${without}`
    case 'refused':
      return `refused: ${outcome.reason}`
  }
}
