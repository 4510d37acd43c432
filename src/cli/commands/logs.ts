import { type LogEntry, openManager, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, styleFor } from '../text.ts'

interface Options {
  readonly run?: string
  readonly follow?: boolean
  readonly lines: string
  readonly since?: string
  readonly raw?: boolean
}

export async function logs(settings: Settings, io: Io, name: string, options: Options) {
  if (options.raw === true && settings.json) {
    throw new UsageError('USAGE', 'cannot print --raw as --json: a JSON document holds text, not bytes')
  }
  const lines = linesOf(options.lines)
  await using manager = await openManager(homeOf(settings))
  const { run, since, follow } = options
  const signal = follow === true ? io.ending() : undefined
  const entries = manager.logs(name, { run, lines, since, follow, signal })
  if (options.raw === true) {
    for await (const { kind, bytes } of entries) if (kind !== 'note') io.stdout(bytes)
    return
  }
  if (settings.json && follow === true) {
    for await (const entry of entries) io.stdout(`${JSON.stringify(documentOf(entry))}\n`)
    return
  }
  if (settings.json) {
    const all: object[] = []
    for await (const entry of entries) all.push(documentOf(entry))
    return void io.stdout(`${JSON.stringify(all, null, 2)}\n`)
  }
  const style = styleFor(settings.color)
  let shown: string | undefined
  for await (const entry of entries) {
    // As tail does for several files: which run the lines below are of.
    if (entry.run !== shown && run === undefined) io.stdout(`${style('dim', `==> run ${entry.run} <==`)}\n`)
    shown = entry.run
    const time = style('dim', new Date(entry.atMs).toISOString())
    const words = shownAs(entry.text)
    io.stdout(`${time} ${MARKS[entry.kind]} ${entry.kind === 'note' ? style('dim', words) : words}\n`)
  }
  if (shown === undefined && follow !== true && !settings.quiet) io.stderr(nothing(name, since))
}

/** As in the file. Every line has one, so that no plugin can write a line that reads as the launcher's. */
const MARKS: Readonly<Record<LogEntry['kind'], string>> = { line: '|', part: '+', note: '!' }

const nothing = (name: string, since: string | undefined): string =>
  `${name} has written nothing to its standard error${since === undefined ? '' : ` since ${since}`}\n`

/** Escape sequences of a plugin must not reach a terminal, nor through `head` or `grep`; a tab does no harm. */
const shownAs = (text: string): string => text.split('\t').map(plain).join('\t')

const documentOf = ({ bytes: _, ...entry }: LogEntry): object => entry

function linesOf(text: string): number | undefined {
  if (text === 'all') return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError('USAGE', `cannot use --lines "${text}": expected a whole number, or all`)
}
