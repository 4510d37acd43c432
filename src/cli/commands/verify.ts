import { openManager, UsageError, type Verification } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, type Style, styleFor } from '../text.ts'

export async function verify(
  settings: Settings,
  io: Io,
  target: string | undefined,
  options: { all?: boolean; explain?: boolean; quarantine?: boolean },
): Promise<number> {
  if ((target === undefined) === (options.all !== true)) {
    throw new UsageError('USAGE', 'cannot verify: name one tarball or plugin, or --all', {
      hint: 'plugins verify X.tgz | NAME | --all',
    })
  }
  if (options.quarantine === true && options.all !== true) {
    throw new UsageError('USAGE', 'cannot quarantine one plugin: --quarantine comes with --all', {
      hint: 'plugins trust revoke NAME@VERSION --reason TEXT puts one away',
    })
  }
  await using manager = await openManager(homeOf(settings))
  const quarantine = options.quarantine === true
  const results = target === undefined ? await manager.verifyAll({ quarantine }) : [await manager.verify(target)]
  const failed = results.filter((result) => !result.ok)
  if (settings.json) {
    io.stdout(`${JSON.stringify(target === undefined ? results : results[0], null, 2)}\n`)
    return worst(failed)
  }
  const style = styleFor(settings.color)
  for (const result of results) io.stdout(options.explain === true ? explained(result, style) : line(result, style))
  for (const { error } of failed) {
    if (error !== null)
      io.stderr(`plugins: ${plain(error.message)}\n${error.hint === undefined ? '' : `\nhint: ${plain(error.hint)}\n`}`)
  }
  return worst(failed)
}

const worst = (failed: readonly Verification[]): number =>
  Math.max(0, ...failed.map(({ error }) => error?.exitCode ?? 3))

function line(result: Verification, style: Style): string {
  const what = result.version === null ? result.target : `${result.target} ${result.version}`
  return `${plain(what)}: ${verdictOf(result, style)}${placeOf(result)}\n`
}

function verdictOf({ ok, error, signers, unsignedUntil }: Verification, style: Style): string {
  const unsigned = unsignedUntil === null ? '' : `unsigned until ${unsignedUntil}`
  if (!ok) {
    const refused = style('bad', `refused (${error?.code ?? 'VERIFIER_ERROR'})`)
    return unsigned === '' ? refused : `${refused}, ${unsigned}`
  }
  // Not "verified": nobody vouched for it, and only that it is still the same was checked.
  if (unsigned !== '') return `${style('strong', unsigned)}, unchanged since it was installed`
  return `${style('good', 'verified')}, signed by ${signers.map(plain).join(', ')}`
}

function placeOf({ target, ok, quarantine }: Verification): string {
  if (quarantine === undefined) return ''
  if (quarantine.isNew) return '; quarantined now'
  const since = new Date(quarantine.sinceMs).toISOString()
  return `; in quarantine since ${since}${ok ? ` (plugins enable ${plain(target)} takes it out)` : ''}`
}

const MARKS = { pass: 'pass', fail: 'FAIL', 'not-applicable': '-' } as const

function explained(result: Verification, style: Style): string {
  const width = Math.max(...result.checks.map(({ check }) => check.length))
  const rows = result.checks.map(({ check, result: outcome, detail, remedy }) => {
    const mark = MARKS[outcome].padEnd(4)
    const shown =
      outcome === 'pass' ? style('good', mark) : outcome === 'fail' ? style('bad', mark) : style('dim', mark)
    return `  ${check.padEnd(width)}  ${shown}  ${plain(detail)}\n${remedy === null ? '' : `  ${' '.repeat(width)}        ${plain(remedy)}\n`}`
  })
  return `${line(result, style)}${rows.join('')}${sinceInstalled(result)}`
}

function sinceInstalled({ since }: Verification): string {
  if (since === undefined) return ''
  if (since.length === 0) return '  since it was installed: nothing that decides about it has changed\n'
  return `  since it was installed, this has changed:\n${since.map(({ detail }) => `    ${plain(detail)}\n`).join('')}`
}
