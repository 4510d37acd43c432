import { openManager, type Simulation, type TrialVerdict, type TrustTrial, UsageError } from '../../index.ts'
import { instant } from '../instant.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, type Style, styleFor } from '../text.ts'
import { sayNotes } from './trust.ts'

interface SimulateOptions {
  readonly revoke?: string
  readonly since?: string
  readonly remove?: string
  readonly for?: string
}

export async function trustSimulate(settings: Settings, io: Io, file: string | undefined, options: SimulateOptions) {
  const trial = trialOf(file, options)
  await using manager = await openManager(homeOf(settings))
  const simulation = await manager.trust.simulate(trial)
  if (settings.json) return void io.stdout(`${JSON.stringify(simulation, null, 2)}\n`)
  const style = styleFor(settings.color)
  for (const plugin of simulation.plugins) io.stdout(shown(plugin, style))
  for (const { pattern, reason } of simulation.closed) {
    io.stdout(`${plain(pattern)}: nothing new can be installed, since ${plain(reason)}\n`)
  }
  sayNotes(settings, io, simulation.notes)
  if (settings.quiet) return
  const changed = simulation.plugins.filter(({ changes }) => changes).length
  io.stderr(`${changed} of ${simulation.plugins.length} installed plugins would change; nothing was written\n`)
}

function trialOf(file: string | undefined, options: SimulateOptions): TrustTrial {
  const usage = (message: string) =>
    new UsageError('USAGE', `cannot simulate: ${message}`, {
      hint: 'plugins trust simulate FILE, --revoke TARGET [--since DATE], or --remove ID [--for PATTERN]',
    })
  const { revoke, since, remove, for: pattern } = options
  if ([file, revoke, remove].filter((one) => one !== undefined).length !== 1) throw usage('name one change')
  if (since !== undefined && revoke === undefined) throw usage('--since comes with --revoke')
  if (pattern !== undefined && remove === undefined) throw usage('--for comes with --remove')
  if (file !== undefined) return { file }
  if (remove !== undefined) return { remove: { id: remove, pattern } }
  return { revoke: { target: revoke ?? '', reason: 'a simulation', since: instant(since, '--since') } }
}

function shown({ name, version, state, before, after, changes }: Simulation['plugins'][number], style: Style): string {
  const what = version === null ? name : `${name} ${version}`
  const put = state === 'installed' || state === null ? '' : ` (${state})`
  const mark = changes ? `${word(before, style)} -> ${word(after, style)}` : `${word(before, style)}, as before`
  const why = after.message === null ? '' : `\n  ${plain(after.message)}`
  return `${plain(what)}${put}: ${mark}${why}\n`
}

const word = ({ ok, code }: TrialVerdict, style: Style): string =>
  ok ? style('good', 'good') : style('bad', `refused (${code})`)
