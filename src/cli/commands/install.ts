import {
  type ConsentQuestion,
  formatCutNetwork,
  formatLimit,
  formatLimits,
  formatNetwork,
  openManager,
  UsageError,
} from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { flowing, plain, record, visible } from '../text.ts'

export async function install(
  settings: Settings,
  io: Io,
  tarball: string,
  options: { yes?: boolean; allowDowngrade?: boolean },
) {
  await using manager = await openManager(settings)
  const report = await manager.install(tarball, {
    allowDowngrade: options.allowDowngrade === true,
    consent: (question) => ask(settings, io, question, options.yes === true),
  })
  if (settings.json) return void io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  const replaced = report.replaced === null ? '' : `, in place of ${report.replaced}`
  io.stdout(`installed ${report.name} ${report.version}${replaced}\n`)
  if (!settings.quiet) io.stderr(`\nrun it: plugins run ${report.name}\n`)
}

async function ask(settings: Settings, io: Io, question: ConsentQuestion, yes: boolean): Promise<boolean> {
  // Said before `--yes` for the record; before a question always, since nobody can agree to what they were not shown.
  if (!yes || (!settings.json && !settings.quiet)) io.stderr(summary(question))
  if (yes) return true
  const answer = await io.confirm(`Install ${question.name} ${question.version}?`)
  if (answer !== null) return answer
  throw new UsageError(
    'CONSENT_NEEDED',
    `cannot ask whether to install ${question.name} ${question.version}: there is no terminal`,
    {
      hint: '--yes agrees to what it asks for',
    },
  )
}

/** Everything that is granted by saying yes, on one screen. The words are the publisher's, the rows are ours. */
function summary(question: ConsentQuestion): string {
  const { permissions, network, limits, cuts, description, replaces } = question
  const cutNetwork = formatCutNetwork(network)
  const list = (values: readonly string[]) => (values.length === 0 ? 'none' : values.map(visible).join(', '))
  const isOtherSigner = replaces !== null && !question.signers.every((id) => replaces.signers.includes(id))
  return [
    `${plain(question.name)} ${plain(question.version)}\n`,
    record([
      ...(description === null ? [] : [['  says', `"${flowing(description, 200)}"`] as const]),
      ['  signed by', list(question.signers)],
      ...(isOtherSigner ? [['  before, by', list(replaces.signers)] as const] : []),
      ['  network', visible(formatNetwork(network))],
      ['  reads', list(permissions.read)],
      ['  environment', list(permissions.env)],
      ...added(question),
      ['  limits', formatLimits(limits)],
    ]),
    ...cuts.map(
      (cut) => `  cut by this host: ${formatLimit(cut.limit, cut.asked)} to ${formatLimit(cut.limit, cut.given)}\n`,
    ),
    ...(cutNetwork === null ? [] : [`  cut by this host: network ${visible(cutNetwork)}\n`]),
    '\n',
  ].join('')
}

/** What an update may do that the installed release may not. */
function added({ added, replaces }: ConsentQuestion): (readonly [string, string])[] {
  const values = added === null ? [] : [...added.network, ...added.read, ...added.env]
  return values.length === 0 ? [] : [[`  new since ${replaces?.version}`, values.map(visible).join(', ')]]
}
