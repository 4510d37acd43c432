import { Argument, Command, CommanderError, Option } from 'commander'
import { formatRecovered, UsageError, version } from '../index.ts'
import { wantsJson } from './error-report.ts'
import type { Io } from './io.ts'
import type { Settings } from './options.ts'
import { plain } from './text.ts'
import { VERBS } from './verbs/all.ts'
import { everyVerb, verbWords } from './verbs/find.ts'
import { type Flag, GLOBAL_FLAGS, type Operand, type Verb } from './verbs/verb.ts'

/** Parses one command line by the table of commands, and does what it says. Answers the exit code. */
export async function runProgram(line: readonly string[], io: Io): Promise<number> {
  let exitCode = 0
  let helpOn: readonly string[] = []
  const program = new Command('plugins')
    .version(wantsJson(line) ? JSON.stringify({ version }) : version, '-V, --version')
    .showSuggestionAfterError()
    .helpCommand(false)
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: () => {} })
    // Help is made from the table too, and loaded when it is asked for.
    .configureHelp({
      formatHelp: (command) => {
        helpOn = wordsOf(command)
        return ''
      },
    })
    .exitOverride()
  for (const flag of GLOBAL_FLAGS) program.addOption(optionOf(flag))

  const perform = async (verb: Verb, given: readonly unknown[]) => {
    if (verb.load === undefined) throw new Error(`${verb.name} has no action`)
    const action = await verb.load()
    const code = await action(settingsOf(program, io), io, ...((verb.parsesItself ? [line] : given) as never[]))
    if (typeof code === 'number') exitCode = code
  }
  for (const { verbs } of VERBS) for (const verb of verbs) program.addCommand(commandOf(verb, program, perform))

  try {
    await program.parseAsync(line as string[], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') {
      await (await import('./commands/help.ts')).help(settingsOf(program, io), io, helpOn)
    }
    if (error.exitCode === 0) return 0
    throw misunderstood(error, line)
  }
}

type Perform = (verb: Verb, given: readonly unknown[]) => Promise<void>

function commandOf(verb: Verb, parent: Command, perform: Perform): Command {
  const command = new Command(verb.name).copyInheritedSettings(parent)
  if (verb.alias !== undefined) command.alias(verb.alias)
  for (const operand of verb.operands ?? []) command.addArgument(argumentOf(operand))
  for (const flag of verb.flags ?? []) command.addOption(optionOf(flag))
  for (const inner of verb.verbs ?? []) command.addCommand(commandOf(inner, command, perform))
  // commander hands the Command itself in last.
  return verb.load === undefined ? command : command.action((...given) => perform(verb, given.slice(0, -1)))
}

function argumentOf({ form, what, kind }: Operand): Argument {
  const argument = new Argument(form, what)
  return typeof kind === 'object' ? argument.choices(kind) : argument
}

function optionOf({ form, what, kind, isRequired, default: fallback }: Flag): Option {
  const option = new Option(form, what).makeOptionMandatory(isRequired === true)
  if (typeof kind === 'object') option.choices(kind)
  return fallback === undefined ? option : option.default(fallback)
}

const wordsOf = (command: Command): readonly string[] =>
  command.parent === null ? [] : [...wordsOf(command.parent), command.name()]

function settingsOf(program: Command, io: Io): Settings {
  const { home, json, quiet, color } = program.opts<{
    home?: string
    json?: boolean
    quiet?: boolean
    color: boolean
  }>()
  const wantsColor = color && (process.env.NO_COLOR ?? '') === '' && process.stdout.isTTY === true
  return {
    home,
    json: json === true,
    quiet: quiet === true,
    color: wantsColor || forcesColor(),
    columns: io.columns,
    onRecovered: (recovered) => io.stderr(`plugins: ${plain(formatRecovered(recovered))}\n`),
  }
}

/** The CLICOLOR convention: colour although the output is no terminal. */
const forcesColor = (): boolean => !['', '0', undefined].includes(process.env.CLICOLOR_FORCE)

function misunderstood({ code, message }: CommanderError, line: readonly string[]): UsageError {
  if (code === 'commander.help') {
    return new UsageError('USAGE', 'cannot go on: no command named', {
      hint: `${['plugins', ...line].join(' ')} --help lists the commands`,
    })
  }
  const words = verbWords(line)
  const hint = words.length === 0 ? 'plugins --help lists the commands' : `plugins ${words.join(' ')} --help`
  return new UsageError('USAGE', sentence(elsewhere(message)), { hint })
}

/** commander says "error: unknown command 'x'\n(Did you mean y?)"; ours begin with "cannot". */
const sentence = (message: string): string =>
  `cannot understand the command line: ${message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .trim()}`

/** For whoever types what another tool calls it: "install" is near to "uninstall" by its letters alone. */
function elsewhere(message: string): string {
  const [, start = '', word = ''] = /^(error: unknown command '([^']*)')/.exec(message) ?? []
  const found = everyVerb().find(([, verb]) => verb.elsewhere?.includes(word) === true)
  return found === undefined ? message : `${start} (Did you mean ${found[0].join(' ')}?)`
}
