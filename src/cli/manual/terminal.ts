import { fold, padded, widthOf } from '../width.ts'
import type { Page, Part, Section } from './page.ts'

/** Lines longer than that are hard to read, however wide the window. */
const WIDEST = 100
const NARROWEST = 30
/** Through a pipe, to a pager most of the time. */
const UNKNOWN = 80
/** A longer term stands on a line of its own. */
const TERM_MAX = 30

/** A page for a terminal of so many columns. Plain text: what is in it is ours. */
export function pageText(page: Page, columns: number): string {
  const width = Math.max(NARROWEST, Math.min(Number.isFinite(columns) ? columns : UNKNOWN, WIDEST))
  const [first, ...others] = page.usage
  const usage = first === undefined ? [] : [`Usage: ${first}`, ...others.map((line) => `       ${line}`), '']
  const what = fold(page.usage.length === 0 ? `${page.title}: ${page.what}` : page.what, width)
  const sections = page.sections.flatMap((section) => ['', ...sectionLines(section, width)])
  return `${[...usage, ...what, ...sections].join('\n')}\n`
}

const sectionLines = ({ title, parts }: Section, width: number): string[] => [
  ...fold(`${title}:`, width),
  ...parts.flatMap((part, at) => [...(at === 0 ? [] : ['']), ...partLines(part, width)]),
]

function partLines(part: Part, width: number): string[] {
  if (typeof part === 'string') return fold(part, width - 2).map((line) => `  ${line}`)
  if ('lines' in part) return part.lines.map((line) => `  ${line}`)
  if ('examples' in part) {
    return part.examples.flatMap(([line, what], at) => [
      ...(at === 0 ? [] : ['']),
      ...fold(what, width - 4).map((text) => `  # ${text}`),
      `  $ ${line}`,
    ])
  }
  return rowLines(part.rows, width)
}

function rowLines(rows: readonly (readonly [string, string])[], width: number): string[] {
  const longest = Math.max(...rows.map(([term]) => widthOf(term)).filter((length) => length <= TERM_MAX), 8)
  const isNarrow = width < longest + 34
  const indent = isNarrow ? 6 : longest + 4
  return rows.flatMap(([term, what]) => {
    const lines = fold(what, width - indent).map((line) => `${' '.repeat(indent)}${line}`)
    if (isNarrow || widthOf(term) > longest) return [`  ${term}`, ...(what === '' ? [] : lines)]
    return [`  ${padded(term, longest)}  ${(lines[0] ?? '').slice(indent)}`.trimEnd(), ...lines.slice(1)]
  })
}
