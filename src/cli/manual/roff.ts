import type { Page, Part, Section } from './page.ts'

/** What every page of the manual says beside its own text. */
export interface Cover {
  readonly section: 1 | 7
  readonly version: string
  /** Pages to go on with: `plugins(1)`. */
  readonly seeAlso: readonly string[]
}

/** A page as man(7) source. The same page gives the same bytes: no date is in it. */
export function manPage(page: Page, inner: readonly Page[], cover: Cover): string {
  const name = page.title.replaceAll(' ', '-')
  return [
    `.TH ${quoted(name.toUpperCase())} ${cover.section} "" ${quoted(`Bulkhead ${cover.version}`)} "Bulkhead"`,
    '.SH NAME',
    `${text(name)} \\- ${text(page.what)}`,
    ...(page.usage.length === 0 ? [] : ['.SH SYNOPSIS', ...synopsis([page, ...inner].flatMap(({ usage }) => usage))]),
    ...page.sections.flatMap((section) => [`.SH ${quoted(section.title.toUpperCase())}`, ...partsOf(section)]),
    ...inner.flatMap(innerPage),
    '.SH SEE ALSO',
    cover.seeAlso
      .map((other) => other.replace(/^(.*)\((\d)\)$/, (_, to, section) => `.BR ${text(to)} (${section})`))
      .join(' ,\n'),
    '',
  ].join('\n')
}

/** A sub-command on the page of its command. */
function innerPage(page: Page): string[] {
  return [
    `.SH ${quoted(page.title.toUpperCase())}`,
    text(page.what),
    ...page.sections.flatMap(({ title, parts }: Section) => [`.SS ${quoted(title)}`, ...partsOf({ title, parts })]),
  ]
}

/** `.B plugins trust add` and the rest of the line as it is. */
function synopsis(usage: readonly string[]): string[] {
  return usage.flatMap((line, at) => {
    const [, words = '', rest = ''] = /^(plugins(?: [a-z_-]+)*)(.*)$/.exec(line) ?? []
    return [...(at === 0 ? [] : ['.br']), `.B ${text(words)}`, ...(rest === '' ? [] : [text(rest.trim())])]
  })
}

/** What begins a section has no paragraph before it. */
const partsOf = ({ parts }: Section): string[] => {
  const all = parts.flatMap(lines)
  return all[0] === '.PP' ? all.slice(1) : all
}

function lines(part: Part): string[] {
  if (typeof part === 'string') return ['.PP', text(part)]
  if ('lines' in part) return ['.PP', ...asTyped(part.lines)]
  if ('examples' in part)
    return part.examples.flatMap(([line, what]) => ['.PP', `${text(what)}:`, '.PP', ...asTyped([line])])
  return part.rows.flatMap(([term, what]) => ['.TP', `.B ${quoted(term)}`, what === '' ? '\\&' : text(what)])
}

const asTyped = (all: readonly string[]): string[] => ['.RS 4', '.nf', ...all.map(text), '.fi', '.RE']

/** A hyphen that can be copied, quotes that stay straight, and no line that begins like a request. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/[^\x20-\x7e]/gu, (one) => `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .replace(/^[.]/, '\\&.')
}

/** As an argument of a macro. */
const quoted = (plain: string): string => `"${text(plain).replaceAll('"', '\\(dq')}"`
