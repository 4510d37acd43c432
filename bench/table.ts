import { ratioOf, type Spread, spreadOf } from './statistics.ts'

/** What DESIGN §9 asks of a row: at most so many times theirs, or at most so much of the unit. */
export interface Goal {
  readonly most: number
  readonly of: 'ratio' | 'ours'
}

/** One comparison: our way of doing a piece of work beside another one, measured in the same rounds. */
export interface Row {
  readonly work: string
  readonly against: string
  readonly ours: number
  readonly theirs: number
  readonly unit: Unit
  readonly ratio: number
  readonly goal: Goal | null
  readonly met: boolean | null
  readonly rounds: number
  readonly spread: Readonly<Record<'ours' | 'theirs' | 'ratio', Pick<Spread, 'p10' | 'p90'>>>
}

export type Unit = 'ms' | 'MiB'

export interface Measured {
  readonly work: string
  readonly against: string
  readonly unit: Unit
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
  readonly goal?: Goal
}

export const atMost = (most: number, of: Goal['of'] = 'ratio'): Goal => ({ most, of })

export function rowOf({ work, against, unit, goal = undefined, ...samples }: Measured): Row {
  const [ours, theirs, ratio] = [
    spreadOf(samples.ours),
    spreadOf(samples.theirs),
    ratioOf(samples.ours, samples.theirs),
  ]
  const values = { ours: ours.median, ratio: ratio.median }
  return {
    work,
    against,
    ours: rounded(ours.median),
    theirs: rounded(theirs.median),
    unit,
    ratio: rounded(ratio.median),
    goal: goal ?? null,
    met: goal === undefined ? null : values[goal.of] <= goal.most,
    rounds: samples.ours.length,
    spread: { ours: bounds(ours), theirs: bounds(theirs), ratio: bounds(ratio) },
  }
}

const bounds = ({ p10, p90 }: Spread) => ({ p10: rounded(p10), p90: rounded(p90) })
const rounded = (value: number): number => Number(value.toPrecision(4))

const HEAD = ['work', 'against', 'ours', 'theirs', 'ratio', 'p10–p90', 'goal', 'met']
const TEXT_COLUMNS = 2

/** Aligned for a terminal: words to the left, numbers to the right. */
export function renderTable(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)]
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  const lines = cells.map((line) =>
    line
      .map((cell, column) => (column < TEXT_COLUMNS ? cell.padEnd : cell.padStart).call(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '))
  return `${lines.join('\n')}\n`
}

function cellsOf({ work, against, ours, theirs, unit, ratio, spread, goal, met }: Row): string[] {
  return [
    work,
    against,
    `${amount(ours)} ${unit}`,
    `${amount(theirs)} ${unit}`,
    `${amount(ratio)}×`,
    `${amount(spread.ratio.p10)}–${amount(spread.ratio.p90)}`,
    goal === null ? '' : goal.of === 'ratio' ? `≤ ${goal.most}×` : `≤ ${goal.most} ${unit}`,
    met === null ? '' : met ? 'yes' : 'no',
  ]
}

/** Three digits that mean something. */
export function amount(value: number): string {
  if (value >= 100) return value.toFixed(0)
  if (value >= 10) return value.toFixed(1)
  return value >= 1 ? value.toFixed(2) : value.toFixed(3)
}
