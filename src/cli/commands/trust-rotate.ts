import { openManager, type RotationQuestion, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, record } from '../text.ts'

export async function trustRotate(settings: Settings, io: Io, file: string, options: { yes?: boolean }) {
  await using manager = await openManager(homeOf(settings))
  const rotated = await manager.trust.rotate(file, {
    consent: (question) => ask(settings, io, question, options.yes === true),
  })
  if (settings.json) return void io.stdout(`${JSON.stringify(rotated, null, 2)}\n`)
  const what = rotated.isChange
    ? `${rotated.newKey} signs for ${plain(rotated.principal)} now`
    : `nothing to change: ${rotated.newKey} has taken the place of ${rotated.oldKey} before`
  io.stdout(`${what}\n`)
}

async function ask(settings: Settings, io: Io, question: RotationQuestion, yes: boolean): Promise<boolean> {
  if (!yes || (!settings.json && !settings.quiet)) io.stderr(summary(question))
  if (yes) return true
  const answer = await io.confirm('Let the new key sign?')
  if (answer !== null) return answer
  throw new UsageError('CONSENT_NEEDED', `cannot ask whether to rotate ${question.oldKey}: there is no terminal`, {
    hint: '--yes agrees to what it would change',
  })
}

/** Everything that is changed by saying yes. */
function summary({ principal, oldKey, newKey, joins, oldKeyEnds, patterns, notes }: RotationQuestion): string {
  const named = patterns.map(({ pattern, as }) => (as === 'signer' ? pattern : `${pattern} (as a countersigner)`))
  return [
    `a new key for ${plain(principal)}, by the word of the old one\n`,
    record([
      ['  for', named.join(', ') || 'nothing: no rule names it'],
      ['  old key', oldKey],
      ['  ends', oldKeyEnds ?? 'as before'],
      ['  new key', newKey],
      ['  begins', joins === null ? 'as before: it is known already' : (joins.validFrom ?? 'at once')],
    ]),
    ...notes.map((note) => `  note: ${plain(note)}\n`),
    '\n',
  ].join('')
}
