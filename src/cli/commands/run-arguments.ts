import { UsageError } from '../../index.ts'

/** `plugins run NAME … [-- ARGS]`, parsed. */
export interface RunArguments {
  readonly home: string | undefined
  readonly json: boolean
  readonly name: string
  readonly report: string | undefined
  readonly timeout: string | undefined
  readonly profile: string | undefined
  readonly weaker: readonly string[]
  readonly reportDenials: boolean
  readonly engine: string | undefined
  readonly dryRun: boolean
  readonly args: readonly string[]
}

const VALUED = ['--home', '--report', '--timeout', '--profile', '--weaker', '--engine'] as const
const SWITCHES = ['--json', '--quiet', '--no-color', '--report-denials', '--dry-run'] as const

/**
 * `null` when this is not the command `run` or asks for its help, which the program of all commands answers.
 *
 * @throws UsageError
 */
export function parseRun(line: readonly string[]): RunArguments | null {
  const end = line.indexOf('--')
  const own = end < 0 ? line : line.slice(0, end)
  if (own.includes('--help') || own.includes('-h')) return null
  const values = new Map<string, string[]>()
  const words: string[] = []
  for (let at = 0; at < own.length; at++) {
    const word = own[at] as string
    const [flag, inline] = word.startsWith('--') && word.includes('=') ? split(word) : [word, undefined]
    if ((VALUED as readonly string[]).includes(flag)) {
      const value = inline ?? own[++at]
      if (words[0] === 'run' && value === undefined) throw new UsageError('USAGE', `cannot run: ${flag} needs a value`)
      values.set(flag, [...(values.get(flag) ?? []), value ?? ''])
    } else if ((SWITCHES as readonly string[]).includes(word)) {
      values.set(word, [''])
    } else if (word.startsWith('-')) {
      if (words[0] !== 'run') return null
      throw new UsageError('USAGE', `cannot run: unknown option ${word}`, {
        hint: 'options of the plugin itself come after --, as in: plugins run NAME -- --its-option',
      })
    } else {
      words.push(word)
      if (words[0] !== 'run') return null
    }
  }
  if (words[0] !== 'run') return null
  const [, name, ...rest] = words
  if (name === undefined)
    throw new UsageError('USAGE', 'cannot run: no plugin named', { hint: 'plugins run NAME [-- ARGS]' })
  if (rest.length > 0) {
    throw new UsageError('USAGE', `cannot run ${name}: "${rest[0]}" is not an option`, {
      hint: `arguments of the plugin come after --, as in: plugins run ${name} -- ${rest.join(' ')}`,
    })
  }
  return {
    home: values.get('--home')?.at(-1),
    json: values.has('--json'),
    name,
    report: values.get('--report')?.at(-1),
    timeout: values.get('--timeout')?.at(-1),
    profile: values.get('--profile')?.at(-1),
    weaker: values.get('--weaker') ?? [],
    reportDenials: values.has('--report-denials'),
    engine: values.get('--engine')?.at(-1),
    dryRun: values.has('--dry-run'),
    args: end < 0 ? [] : line.slice(end + 1),
  }
}

function split(word: string): [string, string] {
  const equals = word.indexOf('=')
  return [word.slice(0, equals), word.slice(equals + 1)]
}
