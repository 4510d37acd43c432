import {
  formatDuration,
  formatSize,
  type Minute,
  openManager,
  type PluginManager,
  type RunRecord,
} from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { positive } from '../positive.ts'
import { called, percent, record, table } from '../text.ts'

interface Options {
  readonly limit: string
  readonly run?: string
  readonly minutes?: boolean
}

export async function history(settings: Settings, io: Io, name: string | undefined, options: Options) {
  await using manager = await openManager(homeOf(settings))
  if (options.run !== undefined) return await one(manager, settings, io, options.run)
  const runs = manager.history(name ?? null, positive(options.limit, '--limit'))
  const minutes = new Map<string, Minute[]>()
  if (options.minutes === true) for (const { id } of runs) minutes.set(id, await manager.minutes(id))
  if (settings.json) {
    const documents = runs.map((run) => (options.minutes === true ? { ...run, minutes: minutes.get(run.id) } : run))
    return void io.stdout(`${JSON.stringify(documents, null, 2)}\n`)
  }
  if (runs.length === 0) {
    if (!settings.quiet) io.stderr(`no run${name === undefined ? '' : ` of ${name}`} yet\n`)
    return
  }
  if (options.minutes !== true) {
    const header = ['STARTED', 'PLUGIN', 'OUTCOME', 'WALL', 'CPU', 'MEMORY', 'VERSION', 'RUN']
    return void io.stdout(table(header, runs.map(row), io.columns))
  }
  const rows = runs.flatMap((run) =>
    (minutes.get(run.id) ?? []).map((minute) => [...minuteRow(minute), called(run), run.id]),
  )
  if (rows.length > 0) return void io.stdout(table([...MINUTES, 'PLUGIN', 'RUN'], rows, io.columns))
  if (!settings.quiet) io.stderr('none of these runs was long enough for figures of its minutes\n')
}

/** Everything about one run. */
async function one(manager: PluginManager, settings: Settings, io: Io, id: string) {
  const run = await manager.runRecord(id)
  const minutes = await manager.minutes(id)
  if (settings.json) return void io.stdout(`${JSON.stringify({ ...run, minutes }, null, 2)}\n`)
  const { outcome } = run
  const usage = outcome?.usage
  io.stdout(
    record([
      ['run', run.id],
      ['plugin', `${run.name} ${run.version}`],
      ...(run.hook === null ? [] : [['hook', run.hook] as const]),
      ...(run.instance === null ? [] : [['instance', run.instance] as const]),
      ['profile', run.profile],
      ['started', new Date(run.startedAtMs).toISOString()],
      ['ended', run.endedAtMs === null ? '-' : new Date(run.endedAtMs).toISOString()],
      ['outcome', outcomeText(run)],
      ...(outcome?.outcome === 'limited' ? [['reason', outcome.reason] as const] : []),
      ['limits met', outcome === null || outcome.limitsMet.length === 0 ? '-' : outcome.limitsMet.join(', ')],
      ['time', `${timed(usage?.wallMs)}, of a processor ${timed(usage?.cpuMs)}`],
      ['memory', `${sized(usage?.memoryPeakBytes)} at most`],
      ['processes', `${usage?.processesPeak ?? '-'} at most`],
      ['open files', `${usage?.filesPeak ?? '-'} at most`],
      ['disk', `${sized(usage?.ioReadBytes)} read, ${sized(usage?.ioWriteBytes)} written`],
      ['output', sized(usage?.outputBytes)],
      ['network', sized(usage?.networkBytes)],
    ]),
  )
  if (minutes.length > 0) io.stdout(`\n${table(MINUTES, minutes.map(minuteRow), io.columns)}`)
}

const started = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(5, 19)
const sized = (bytes: number | null | undefined): string => (bytes == null ? '-' : formatSize(bytes))
const timed = (ms: number | null | undefined): string => (ms == null ? '-' : formatDuration(ms))

function row(run: RunRecord): string[] {
  const usage = run.outcome?.usage
  return [
    started(run.startedAtMs),
    called(run),
    `${hookText(run)}${outcomeText(run)}`,
    timed(usage?.wallMs),
    timed(usage?.cpuMs),
    sized(usage?.memoryPeakBytes),
    run.version,
    run.id,
  ]
}

/** Averages, and peaks in brackets. */
const MINUTES = ['MINUTE', 'CPU', 'MEMORY', 'PROCS', 'FILES', 'READ', 'WRITTEN', 'OUTPUT', 'NETWORK'] as const

function minuteRow(minute: Minute): string[] {
  const { cpuPermille, memoryBytes, processes } = minute
  return [
    started(minute.atMs),
    cpuPermille === null ? '-' : `${percent(cpuPermille.average)} (${percent(cpuPermille.peak)})`,
    memoryBytes === null ? '-' : `${formatSize(memoryBytes.average)} (${formatSize(memoryBytes.peak)})`,
    processes === null ? '-' : `${processes.average} (${processes.peak})`,
    `${minute.filesPeak ?? '-'}`,
    sized(minute.ioReadBytes),
    sized(minute.ioWriteBytes),
    sized(minute.outputBytes),
    sized(minute.networkBytes),
  ]
}

const hookText = ({ hook }: RunRecord): string => (hook === null ? '' : `hook: ${hook}, `)

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
