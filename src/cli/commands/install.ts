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
  options: { yes?: boolean; allowDowngrade?: boolean; allowUnsigned?: string; until?: string },
) {
  const allowUnsigned = allowanceOf(options)
  await using manager = await openManager(settings)
  const report = await manager.install(tarball, {
    allowDowngrade: options.allowDowngrade === true,
    allowUnsigned,
    consent: (question) => ask(settings, io, question, options.yes === true),
  })
  if (settings.json) return void io.stdout(`${JSON.stringify(report, null, 2)}\n`)
  const replaced = report.replaced === null ? '' : `, in place of ${report.replaced}`
  const unsigned = report.unsignedUntil === null ? '' : `, UNSIGNED until ${report.unsignedUntil}`
  io.stdout(`installed ${report.name} ${report.version}${replaced}${unsigned}\n`)
  if (!settings.quiet) io.stderr(`\nrun it: plugins run ${report.name}\n`)
}

/** One flag without the other says half of what must be said. */
function allowanceOf({ allowUnsigned: name, until }: { allowUnsigned?: string; until?: string }) {
  if (name === undefined && until === undefined) return undefined
  if (name !== undefined && until !== undefined) return { name, until }
  const missing = name === undefined ? '--allow-unsigned NAME' : '--until DATE'
  throw new UsageError('USAGE', `cannot allow an unsigned plugin: ${missing} is missing`, {
    hint: 'plugins install X.tgz --allow-unsigned acme/hello --until 7d',
  })
}

async function ask(settings: Settings, io: Io, question: ConsentQuestion, yes: boolean): Promise<boolean> {
  // Said before `--yes` for the record; before a question always, since nobody can agree to what they were not shown.
  if (!yes || (!settings.json && !settings.quiet)) io.stderr(summary(question))
  if (yes) return true
  const what = `${question.name} ${question.version}`
  const answer = await io.confirm(question.unsignedUntil === null ? `Install ${what}?` : `Install UNSIGNED ${what}?`)
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
  const isOtherSigner = replaces !== null && isOther(question.signers, replaces.signers)
  return [
    `${plain(question.name)} ${plain(question.version)}\n`,
    record([
      ...(description === null ? [] : [['  says', `"${flowing(description, 200)}"`] as const]),
      ['  signed by', signature(question, list)],
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

/** Nobody is another signer, too. */
const isOther = (signers: readonly string[], before: readonly string[]): boolean =>
  signers.length === 0 ? before.length > 0 : !signers.every((id) => before.includes(id))

function signature({ signers, unsignedUntil }: ConsentQuestion, list: (values: readonly string[]) => string): string {
  if (unsignedUntil === null) return list(signers)
  return `NOBODY: UNSIGNED, so these may be anybody's words and anybody's code; runs until ${unsignedUntil}`
}

/** What an update may do that the installed release may not. */
function added({ added, replaces }: ConsentQuestion): (readonly [string, string])[] {
  const values = added === null ? [] : [...added.network, ...added.read, ...added.env]
  return values.length === 0 ? [] : [[`  new since ${replaces?.version}`, values.map(visible).join(', ')]]
}
