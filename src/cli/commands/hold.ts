import { formatWho, type Hold, openManager, parseLongDuration } from '../../index.ts'
import { instant } from '../instant.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, table } from '../text.ts'

/** Without a name: what is held. */
export async function hold(
  settings: Settings,
  io: Io,
  name: string | undefined,
  options: { until?: string; reason?: string },
) {
  await using manager = await openManager(homeOf(settings))
  if (name === undefined) return list(settings, io, manager.holds())
  const held = manager.hold(name, { until: endOf(options.until), reason: options.reason })
  io.stdout(settings.json ? `${JSON.stringify(held, null, 2)}\n` : `held ${sentence(held)}\n`)
}

export async function unhold(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(homeOf(settings))
  const held = manager.unhold(name)
  io.stdout(settings.json ? `${JSON.stringify(held, null, 2)}\n` : `no longer held: ${plain(held.name)}\n`)
}

function list(settings: Settings, io: Io, holds: readonly Hold[]): void {
  if (settings.json) return void io.stdout(`${JSON.stringify(holds, null, 2)}\n`)
  if (holds.length === 0) {
    if (!settings.quiet) io.stderr('nothing is held\n\nhint: plugins hold NAME\n')
    return
  }
  io.stdout(
    table(
      ['NAME', 'VERSION', 'UNTIL', 'BY', 'REASON'],
      holds.map((one) => [one.name, one.version ?? '-', one.until ?? 'unhold', formatWho(one.who), one.reason ?? '-']),
      io.columns,
    ),
  )
}

/** A duration from now, or a date. */
function endOf(text: string | undefined): Date | null {
  if (text === undefined) return null
  const ms = parseLongDuration(text)
  return ms === undefined
    ? new Date(instant(text, '--until', 'a duration such as 14d, or ') ?? text)
    : new Date(Date.now() + ms)
}

const sentence = ({ name, version, until, reason }: Hold): string =>
  `${plain(name)}${version === null ? '' : ` at ${plain(version)}`}${until === null ? '' : ` until ${until}`}` +
  `${reason === null ? '' : `: ${plain(reason)}`}`
