import {
  formatSize,
  openManager,
  type PluginManager,
  type PluginStats,
  parseDuration,
  UsageError,
} from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { LiveScreen } from '../screen.ts'
import { called, percent, table } from '../text.ts'

export async function stats(
  settings: Settings,
  io: Io,
  name: string | undefined,
  options: { watch?: boolean; interval?: string },
) {
  const everyMs = intervalOf(options.interval)
  await using manager = await openManager(homeOf(settings))
  // Awaited: what is returned unawaited would lose its manager.
  if (options.watch === true) return await watch(manager, settings, io, name, everyMs ?? 1_000)
  const found = await manager.stats(name ?? null, { everyMs })
  if (settings.json) return void io.stdout(`${JSON.stringify(found, null, 2)}\n`)
  if (found.length > 0) return void io.stdout(tableOf(found, io.columns))
  if (!settings.quiet) io.stderr(nothing(name))
}

/** In a terminal a table that stays in its place; else a JSON document for each look, one a line. */
async function watch(manager: PluginManager, settings: Settings, io: Io, name: string | undefined, everyMs: number) {
  const signal = io.ending()
  const looks = manager.watchStats(name ?? null, { everyMs, signal })
  if (settings.json || io.rows === null) {
    for await (const runs of looks) io.stdout(`${JSON.stringify({ atMs: Date.now(), runs })}\n`)
    return
  }
  const screen = new LiveScreen(io)
  try {
    for await (const runs of looks) {
      screen.show(runs.length === 0 ? nothing(name) : tableOf(runs, io.columns))
    }
  } finally {
    screen.close()
  }
}

const nothing = (name: string | undefined): string =>
  `${name ?? 'no plugin'} is ${name === undefined ? '' : 'not '}running\n`

const HEADER = ['PLUGIN', 'CPU', 'OF', 'MEMORY', 'OF', 'PROCS', 'FILES', 'READ', 'WRITTEN', 'NETWORK', 'PID', 'RUN']

const tableOf = (runs: readonly PluginStats[], columns: number): string => table(HEADER, runs.map(row), columns)

function row(one: PluginStats): string[] {
  const { limits } = one
  // A limit that the run goes without is none.
  const held = (layer: string) => (one.weaker.includes(layer) ? null : limits)
  return [
    called(one),
    one.cpuPermille === null ? '-' : percent(one.cpuPermille),
    percentOrNone(held('cpu')?.cpu),
    sized(one.memoryBytes),
    sized(held('memory')?.memoryBytes ?? null),
    counted(one.processes, held('processes')?.processesMax),
    counted(one.files, held('rlimits')?.filesMax),
    sized(one.ioReadBytes),
    sized(one.ioWriteBytes),
    sized(one.networkBytes),
    one.pid === null ? '-' : `${one.pid}`,
    one.run,
  ]
}

const sized = (bytes: number | null): string => (bytes === null ? '-' : formatSize(bytes))
const percentOrNone = (processors: number | undefined): string =>
  processors === undefined ? '-' : percent(processors * 1000)
const counted = (count: number | null, max: number | undefined): string =>
  `${count ?? '-'}${max === undefined ? '' : `/${max}`}`

function intervalOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 100 && ms <= 3_600_000) return ms
  throw new UsageError('USAGE', `cannot use --interval "${text}": expected a duration from 100ms to 1h, such as 2s`)
}
