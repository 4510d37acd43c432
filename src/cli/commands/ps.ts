import { formatDuration, formatSize, openManager, type RunningPlugin } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { age, percent, table } from '../text.ts'

export async function ps(settings: Settings, io: Io, name: string | undefined) {
  await using manager = await openManager(homeOf(settings))
  const running = await manager.ps(name ?? null)
  if (settings.json) return void io.stdout(`${JSON.stringify(running, null, 2)}\n`)
  if (running.length === 0) {
    if (!settings.quiet) io.stderr(`${name ?? 'no plugin'} is ${name === undefined ? '' : 'not '}running\n`)
    return
  }
  const header = ['RUN', 'PLUGIN', 'VERSION', 'PID', 'SINCE', 'CPU', 'TIME', 'MEMORY', 'PROCS', 'PROFILE']
  io.stdout(table(header, running.map(row), io.columns))
}

const profileText = ({ profile, weaker }: RunningPlugin): string =>
  weaker.length === 0 ? profile : `${profile} (without ${weaker.join(', ')})`

function row(one: RunningPlugin): string[] {
  const ms = one.atMs - one.startedAtMs
  return [
    one.run,
    one.name,
    one.version,
    one.pid === null ? '-' : `${one.pid}`,
    age(ms),
    one.cpuMs === null || ms <= 0 ? '-' : percent((one.cpuMs * 1000) / ms),
    one.cpuMs === null ? '-' : formatDuration(one.cpuMs),
    one.memoryBytes === null ? '-' : formatSize(one.memoryBytes),
    one.processes === null ? '-' : `${one.processes}`,
    `${profileText(one)}${one.hook === null ? '' : `, hook: ${one.hook}`}${one.instance === null ? '' : `, instance: ${one.instance}`}`,
  ]
}
