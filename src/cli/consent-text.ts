import {
  type ConsentQuestion,
  formatCutNetwork,
  formatHooks,
  formatLimits,
  formatLimitValue,
  formatNetwork,
  type Widening,
  wideningRows,
} from '../index.ts'
import { flowing, plain, visible } from './text.ts'

const COLUMNS_MAX = 80
const COLUMNS_MIN = 40
const LABEL = 11

/**
 * Everything that is agreed to by saying yes, on one screen: at a first install what it may do, at an update what it may do
 * that nobody agreed to yet. The words are the publisher's, the rows are ours: whatever does not fit beside its label goes on
 * behind a bar, where no label stands, and no line is as long as the terminal would break it itself.
 */
export function consentText(question: ConsentQuestion, columns: number): string {
  const row = rowsOf(columns)
  const { name, version, description, replaces } = question
  const before = replaces === null ? '' : `, in place of ${plain(replaces.version)}`
  return [
    `${plain(name)} ${plain(version)}${before}\n`,
    ...(description === null ? [] : [row(' ', 'says', `"${flowing(description, 200)}"`)]),
    row(' ', 'signed by', signature(question)),
    ...(isOtherSigner(question) ? [row(' ', 'before, by', list(replaces?.signers ?? []))] : []),
    ...(question.widening === null ? summary(question, row) : diff(question, row)),
    ...cuts(question).map((cut) => row(' ', 'cut here', cut)),
    '\n',
  ].join('')
}

/** What is wider, a row each. */
export function wideningText(widening: Widening, columns: number): string {
  const row = rowsOf(columns)
  return wideningRows(widening)
    .map(({ what, value }) => row('+', what, visible(value)))
    .join('')
}

type Row = (mark: ' ' | '+', label: string, value: string) => string

function summary(question: ConsentQuestion, row: Row) {
  const { runtime, protocol, network, permissions, hookPrograms, countersigners, predicates, limits } = question
  return [
    ...(countersigners.length === 0 ? [] : [row(' ', 'reviewed by', list(countersigners))]),
    ...(predicates.length === 0 ? [] : [row(' ', 'statements', list(predicates))]),
    ...(isUnlisted(question) ? [row(' ', 'files', 'not listed by who signed it: this host lists them')] : []),
    row(' ', 'runs as', `${runtime}, ${protocol}`),
    row(' ', 'network', visible(formatNetwork(network))),
    row(' ', 'reads', list(permissions.read)),
    row(' ', 'environment', list(permissions.env)),
    ...(hookPrograms.length === 0 ? [] : [row(' ', 'runs itself', formatHooks({ runtime, limits }, hookPrograms))]),
    row(' ', 'limits', formatLimits(limits)),
  ]
}

function diff(question: ConsentQuestion, row: Row): string[] {
  const { widening, missing, replaces } = question
  if (widening === null) return []
  const key = ({ what, value }: { what: string; value: string }) => JSON.stringify([what, value])
  const asked = new Set(missing === null ? [] : wideningRows(missing).map(key))
  return [
    `  new since ${plain(replaces?.version ?? '')}:\n`,
    ...wideningRows(widening).map((one) =>
      row('+', one.what, `${visible(one.value)}${asked.has(key(one)) ? '' : ' (agreed to beforehand)'}`),
    ),
    ...otherRuntimes(question).map((runtime) => row('+', 'runs under', runtime)),
  ]
}

/** A new hook is another program to agree to where it runs under another runtime: it sees that one's files. */
const otherRuntimes = ({ widening, hookPrograms, runtime: own }: ConsentQuestion): string[] =>
  hookPrograms.flatMap(({ hook, runtime }) =>
    runtime !== own && widening?.hooks.includes(hook) === true ? [`${runtime} (of ${hook})`] : [],
  )

function cuts({ cuts, network }: ConsentQuestion): string[] {
  const cutNetwork = formatCutNetwork(network)
  return [
    ...cuts.map(({ limit, asked, given }) => {
      const [what, wanted] = formatLimitValue(limit, asked)
      return `${what} ${wanted} to ${formatLimitValue(limit, given)[1]}`
    }),
    ...(cutNetwork === null ? [] : [`network ${visible(cutNetwork)}`]),
  ]
}

const list = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.map(visible).join(', '))

/** Nobody is another signer, too. */
function isOtherSigner({ signers, replaces }: ConsentQuestion): boolean {
  if (replaces === null) return false
  return signers.length === 0 ? replaces.signers.length > 0 : !signers.every((id) => replaces.signers.includes(id))
}

/** Of what nobody signed that is said already. */
const isUnlisted = ({ fileList, unsignedUntil }: ConsentQuestion): boolean =>
  fileList === 'recorded' && unsignedUntil === null

function signature({ signers, unsignedUntil }: ConsentQuestion): string {
  if (unsignedUntil === null) return list(signers)
  return `NOBODY: UNSIGNED, so these may be anybody's words and anybody's code; runs until ${unsignedUntil}`
}

const BAR = '  | '

function rowsOf(terminal: number): Row {
  // A terminal that knows no size says 0.
  const columns = terminal === 0 ? COLUMNS_MAX : Math.max(COLUMNS_MIN, Math.min(terminal, COLUMNS_MAX))
  return (mark, label, value) => {
    const head = `${mark} ${label.padEnd(LABEL)}  `
    const [first = '', ...others] = wrapped(plain(value), columns - head.length, columns - BAR.length)
    return [`${head}${first}`.trimEnd(), ...others.map((line) => `${BAR}${line}`)].map((line) => `${line}\n`).join('')
  }
}

/** At blanks where it can be; a word that is longer than a line is cut. The first line has less room than the others. */
function wrapped(text: string, firstWidth: number, width: number): string[] {
  const lines: string[] = ['']
  const room = () => (lines.length === 1 ? firstWidth : width)
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    const joined = line === '' ? word : `${line} ${word}`
    if (cells(joined) <= room()) lines[lines.length - 1] = joined
    else lines.push(...pieces(word, width))
  }
  return lines
}

function pieces(word: string, width: number): string[] {
  const found: string[] = ['']
  for (const character of word) {
    const piece = found.at(-1) ?? ''
    if (cells(piece + character) <= width) found[found.length - 1] = piece + character
    else found.push(character)
  }
  return found
}

/** Columns of a terminal, at most: whatever is not ASCII may be two wide. */
const cells = (text: string): number =>
  [...text].reduce((sum, character) => sum + ((character.codePointAt(0) ?? 0) < 0x80 ? 1 : 2), 0)
