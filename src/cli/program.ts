import { Argument, Command, CommanderError, Option } from 'commander'
import { UsageError, version } from '../index.ts'
import type { Io } from './io.ts'
import type { Settings } from './options.ts'
import { VERBS } from './verbs/all.ts'
import { type Example, type Flag, GLOBAL_FLAGS, type Operand, type Verb } from './verbs/verb.ts'

/** Parses one command line by the table of commands, and does what it says. Answers the exit code. */
export async function runProgram(line: readonly string[], io: Io): Promise<number> {
  let exitCode = 0
  const program = new Command('plugins')
    .description('Signed plugins, each in its own watertight compartment.')
    .version(version, '-V, --version')
    .showSuggestionAfterError()
    .helpCommand('help [command]', 'how a command is used')
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: () => {} })
    .exitOverride()
  for (const flag of GLOBAL_FLAGS) program.addOption(optionOf(flag))

  const perform = async (verb: Verb, given: readonly unknown[]) => {
    if (verb.load === undefined) throw new Error(`${verb.name} has no action`)
    const action = await verb.load()
    const code = await action(settingsOf(program, io), io, ...((verb.parsesItself ? [line] : given) as never[]))
    if (typeof code === 'number') exitCode = code
  }
  for (const { title, verbs } of VERBS) {
    program.commandsGroup(`${title}:`)
    for (const verb of verbs) program.addCommand(commandOf(verb, program, perform))
  }

  try {
    await program.parseAsync(line as string[], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') {
      throw new UsageError('USAGE', 'cannot go on: no command named', {
        hint: `${[program.name(), ...line].join(' ')} --help lists the commands`,
      })
    }
    throw new UsageError('USAGE', sentence(error.message), { hint: 'plugins --help lists the commands' })
  }
}

type Perform = (verb: Verb, given: readonly unknown[]) => Promise<void>

function commandOf(verb: Verb, parent: Command, perform: Perform): Command {
  const command = new Command(verb.name).copyInheritedSettings(parent).description(verb.what)
  if (verb.alias !== undefined) command.alias(verb.alias)
  for (const operand of verb.operands ?? []) command.addArgument(argumentOf(operand))
  for (const flag of verb.flags ?? []) command.addOption(optionOf(flag))
  for (const inner of verb.verbs ?? []) command.addCommand(commandOf(inner, command, perform))
  if (verb.examples !== undefined) command.addHelpText('after', examples(verb.examples))
  // commander hands the Command itself in last.
  return verb.load === undefined ? command : command.action((...given) => perform(verb, given.slice(0, -1)))
}

function argumentOf({ form, what }: Operand): Argument {
  return new Argument(form, what)
}

function optionOf({ form, what, kind, isRequired, default: fallback }: Flag): Option {
  const option = new Option(form, what).makeOptionMandatory(isRequired === true)
  if (typeof kind === 'object') option.choices(kind)
  return fallback === undefined ? option : option.default(fallback)
}

function settingsOf(program: Command, io: Io): Settings {
  const { home, json, quiet, color } = program.opts<{
    home?: string
    json?: boolean
    quiet?: boolean
    color: boolean
  }>()
  const wantsColor = color && (process.env.NO_COLOR ?? '') === '' && process.stdout.isTTY === true
  return { home, json: json === true, quiet: quiet === true, color: wantsColor || forcesColor(), columns: io.columns }
}

const examples = (all: readonly Example[]): string =>
  `\nExamples:\n${all.map(([line, what]) => `  # ${what}\n  $ ${line}\n`).join('\n')}`

/** commander says "error: unknown command 'x'\n(Did you mean y?)"; ours begin with "cannot". */
const sentence = (message: string): string =>
  `cannot understand the command line: ${message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .trim()}`

/** The CLICOLOR convention: colour although the output is no terminal. */
const forcesColor = (): boolean => !['', '0', undefined].includes(process.env.CLICOLOR_FORCE)
