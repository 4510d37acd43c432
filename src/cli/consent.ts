import type { ConsentAnswer, ConsentOptions, ConsentQuestion } from '../index.ts'
import { consentText } from './consent-text.ts'
import type { Io } from './io.ts'
import type { Settings } from './options.ts'

/** The flags of every command that may have to ask: `--yes`, `--grant`, `--consent`. */
export interface ConsentFlags {
  readonly yes?: boolean
  readonly grant?: readonly string[]
  readonly consent?: string
}

export function consentOf(settings: Settings, io: Io, { yes, grant, consent }: ConsentFlags): ConsentOptions {
  return {
    consent: (question) => ask(settings, io, question, yes === true),
    grants: grant,
    consentFile: consent,
  }
}

async function ask(settings: Settings, io: Io, question: ConsentQuestion, yes: boolean): Promise<ConsentAnswer> {
  // Said before `--yes` for the record; before a question always, since nobody can agree to what they were not shown.
  if (!yes || (!settings.json && !settings.quiet)) io.stderr(consentText(question, io.columns))
  if (yes) return 'yes'
  const what = `${question.name} ${question.version}`
  return io.confirm(question.unsignedUntil === null ? `Install ${what}?` : `Install UNSIGNED ${what}?`)
}
