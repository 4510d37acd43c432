import { openManager, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { record } from '../text.ts'

export async function trustClock(settings: Settings, io: Io, options: { reset?: boolean; reason?: string }) {
  if ((options.reset === true) !== (options.reason !== undefined)) {
    throw new UsageError('USAGE', 'cannot reset the clock: --reset and --reason TEXT go together')
  }
  await using manager = await openManager(homeOf(settings))
  const { nowMs, seenMs, isBehind } =
    options.reason === undefined ? manager.clock() : manager.resetClock(options.reason)
  if (settings.json) return void io.stdout(`${JSON.stringify({ nowMs, seenMs, isBehind }, null, 2)}\n`)
  io.stdout(
    record([
      ['now', new Date(nowMs).toISOString()],
      ['latest seen', seenMs === null ? '-' : new Date(seenMs).toISOString()],
    ]),
  )
  if (isBehind && !settings.quiet) {
    io.stderr(
      'the clock is behind: nothing is installed or verified until it is set\n\n' +
        'hint: if the later time was a wrong one: plugins trust clock --reset --reason TEXT\n',
    )
  }
}
