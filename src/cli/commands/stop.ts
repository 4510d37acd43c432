import { formatDuration, openManager, type StoppedRun, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'

export async function stop(
  settings: Settings,
  io: Io,
  name: string | undefined,
  options: { run?: string; grace?: string; all?: boolean },
) {
  const { run, grace, all } = options
  if ((name === undefined && run === undefined) === (all !== true)) {
    throw new UsageError('USAGE', 'cannot stop: name one plugin, or --run ID, or --all', {
      hint: 'plugins stop NAME | --run ID | --all; plugins ps shows what runs',
    })
  }
  await using manager = await openManager(homeOf(settings))
  const stopped = await manager.stop(name ?? null, { run, grace })
  if (settings.json) return void io.stdout(`${JSON.stringify(stopped, null, 2)}\n`)
  for (const one of stopped) io.stdout(`${one.name} ${one.version}, run ${one.run}: ${howOf(one)}\n`)
  if (!settings.quiet) io.stderr(summary(stopped))
}

function howOf({ how, ms }: StoppedRun): string {
  switch (how) {
    case 'ended':
      return `ended when asked, after ${formatDuration(ms)}`
    case 'killed':
      return `killed with all its processes, after ${formatDuration(ms)}`
    case 'gone':
      return 'had ended already'
  }
}

function summary(stopped: readonly StoppedRun[]): string {
  const killed = stopped.filter(({ how }) => how === 'killed').length
  const live = stopped.filter(({ how }) => how !== 'gone').length
  if (live === 1) return `stopped 1 run${killed === 0 ? '' : ', which had to be killed'}\n`
  return `stopped ${live} runs${killed === 0 ? '' : `, ${killed} of them killed`}\n`
}
