// The table of `npm run attacks`: `report FOLDER [--json]` prints what the tests of this command found.
// `report --list` prints the attacks there are, for docs/attacks.md.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Attack, MODES, type Mode } from './attack.ts'
import type { Finding, Side } from './campaign.ts'
import { ATTACKS } from './catalogue.ts'
import { catalogueTable } from './catalogue-table.ts'
import type { Account } from './siege.ts'

type Cell = 'contained' | 'ESCAPED' | 'n/a' | 'not run'

export interface Row {
  readonly attack: string
  readonly language: string
  readonly layer: string
  readonly also: readonly string[]
  readonly modes: Readonly<Record<Mode, { readonly is: Cell; readonly words: string }>>
  /** Where it was seen to succeed without those layers, where not, and why nobody tried. */
  readonly withoutLayer: {
    readonly succeeds: readonly Mode[]
    readonly holds: readonly Mode[]
    readonly reason: string
  }
}

export function rowsOf(accounts: readonly Account[]): Row[] {
  return ATTACKS.map((attack) => {
    const found = new Map<Mode, Finding | string>()
    for (const account of accounts) {
      if ('reason' in account) found.set(account.mode, account.reason)
      else {
        const finding = account.findings.find((one) => one.attack === attack.name)
        if (finding !== undefined) found.set(account.mode, finding)
      }
    }
    return rowOf(attack, found)
  })
}

function rowOf(attack: Attack, found: ReadonlyMap<Mode, Finding | string>): Row {
  const modes = Object.fromEntries(MODES.map((mode) => [mode, cellOf(found.get(mode))])) as Row['modes']
  const loose = MODES.flatMap((mode) => {
    const finding = found.get(mode)
    return typeof finding === 'object' ? [[mode, finding.loose] as const] : []
  })
  const those = (as: Side['as']): Mode[] => loose.flatMap(([mode, side]) => (side.as === as ? [mode] : []))
  return {
    attack: attack.name,
    language: attack.language,
    layer: attack.layer,
    also: attack.also,
    modes,
    withoutLayer: {
      succeeds: those(true),
      holds: those(false),
      reason: loose.find(([, side]) => side.as === null)?.[1].words ?? '',
    },
  }
}

function cellOf(finding: Finding | string | undefined): { is: Cell; words: string } {
  if (finding === undefined) return { is: 'not run', words: 'its tests did not run' }
  if (typeof finding === 'string') return { is: 'n/a', words: finding }
  const { as, words } = finding.contained
  return { is: as === null ? 'n/a' : as ? 'contained' : 'ESCAPED', words }
}

export interface Totals {
  readonly attacks: number
  /** In every mode that was tried. */
  readonly contained: number
  readonly escaped: number
  readonly succeedWithoutLayer: number
  /** Said to succeed without their layers, and did not. */
  readonly held: number
}

export function totalsOf(rows: readonly Row[]): Totals {
  const count = (is: (row: Row) => boolean): number => rows.filter(is).length
  const cells = (row: Row): Cell[] => Object.values(row.modes).map(({ is }) => is)
  return {
    attacks: rows.length,
    contained: count((row) => cells(row).includes('contained') && !cells(row).includes('ESCAPED')),
    escaped: count((row) => cells(row).includes('ESCAPED')),
    succeedWithoutLayer: count(
      ({ withoutLayer }) => withoutLayer.succeeds.length > 0 && withoutLayer.holds.length === 0,
    ),
    held: count(({ withoutLayer }) => withoutLayer.holds.length > 0),
  }
}

/** Reasons are numbered, and stand below. */
function text(rows: readonly Row[]): string {
  const reasons: string[] = []
  const note = (words: string): string => {
    if (!reasons.includes(words)) reasons.push(words)
    return `[${reasons.indexOf(words) + 1}]`
  }
  const header = ['attack', 'program', 'layer', ...MODES, 'without the layer']
  const lines = rows.map(({ attack, language, layer, also, modes, withoutLayer }) => [
    attack,
    language,
    also.length > 0 ? `${layer} +${also.length}` : layer,
    ...MODES.map((mode) =>
      modes[mode].is === 'contained' ? 'contained' : `${modes[mode].is} ${note(modes[mode].words)}`,
    ),
    withoutLayer.holds.length > 0
      ? `HOLDS: ${withoutLayer.holds.join(', ')}`
      : withoutLayer.succeeds.length > 0
        ? `succeeds: ${withoutLayer.succeeds.join(', ')}`
        : `- ${withoutLayer.reason === '' ? '' : note(withoutLayer.reason)}`,
  ])
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => (line[at] ?? '').length)))
  const table = [header, ...lines].map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const { attacks, contained, escaped, succeedWithoutLayer, held } = totalsOf(rows)
  const total = `${attacks} attacks, ${contained} contained, ${escaped} escaped; ${succeedWithoutLayer} shown to succeed with their layer off`
  return [
    ...table,
    '',
    '+N: as many more layers stop it as well, and are off with it (--json names them)',
    ...reasons.map((reason, at) => `[${at + 1}] ${reason}`),
    '',
    held > 0 ? `${total}, ${held} not as they should` : total,
    '',
  ].join('\n')
}

function accountsIn(folder: string): Account[] {
  return MODES.map((mode) => join(folder, `${mode}.json`))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Account)
}

if (import.meta.main) {
  const [folder = '', ...flags] = process.argv.slice(2)
  if (folder === '--list') {
    process.stdout.write(catalogueTable(ATTACKS))
  } else {
    const rows = rowsOf(accountsIn(folder))
    const totals = totalsOf(rows)
    process.stdout.write(flags.includes('--json') ? `${JSON.stringify({ rows, totals }, null, 1)}\n` : text(rows))
    const complete = rows.every(({ modes }) => Object.values(modes).every(({ is }) => is !== 'not run'))
    process.exitCode = totals.escaped > 0 || totals.held > 0 || !complete ? 1 : 0
  }
}
