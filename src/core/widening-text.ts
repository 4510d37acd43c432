import type { UnaskedRun } from './agreement.ts'
import { formatLimitValue } from './limit-text.ts'
import { printable } from './printable.ts'
import type { LostProvenance, RaisedLimit, Widening } from './widening.ts'

/** One thing that is wider, as a row: what it is, and its value. The value can hold a stranger's words. */
export interface WideningRow {
  readonly what: string
  readonly value: string
}

/** Everything that is wider, a row each. */
export function wideningRows(widening: Widening): WideningRow[] {
  const { permissions, limits, publisher, provenance, hooks, protocol, runtime } = widening
  const rows = (what: string, values: readonly string[]) => values.map((value) => ({ what, value }))
  const change = (what: string, it: { before: string; after: string } | null) =>
    it === null ? [] : rows(what, [`${it.after}, was ${it.before}`])
  return [
    ...rows('network', permissions.network.map(inWords)),
    ...rows('reads', permissions.read),
    ...rows('environment', permissions.env),
    ...limits.map(limitRow),
    ...rows('runs itself', hooks.map(inItsWords)),
    ...change('runtime', runtime),
    ...change('protocol', protocol),
    ...rows(
      'publisher',
      (publisher?.joined ?? []).map((principal) => `${principal} signs it, and did not before`),
    ),
    ...rows(
      'publisher',
      (publisher?.left ?? []).map((principal) => `${principal} signed before, and does not sign it`),
    ),
    ...rows('provenance', provenance.map(lossInWords)),
  ]
}

const inWords = (to: string): string => (to.startsWith('*:') ? `any public host at port ${to.slice(2)}` : to)

const RUNS: Readonly<Record<UnaskedRun, string>> = {
  health: 'health, after it was installed',
  postinstall: 'postinstall, after it was unpacked',
  preremove: 'preremove, before it is removed',
  'migrate-data': 'migrate-data, when a release takes over the data of another',
}

const inItsWords = (hook: UnaskedRun): string => RUNS[hook]

function limitRow({ limit, before, after, hook }: RaisedLimit): WideningRow {
  const [what, value] = formatLimitValue(limit, after)
  const [, was] = formatLimitValue(limit, before)
  return { what, value: `${value}, was ${was}${hook === null ? '' : ` (of ${hook})`}` }
}

function lossInWords(lost: LostProvenance): string {
  switch (lost.kind) {
    case 'keyless':
      return `${lost.principal} signed with a certificate that a public log shows, and signs with a key alone`
    case 'countersigner':
      return `${lost.principal} countersigned before, and has not countersigned it`
    case 'signature':
      return `nobody signed it; it is let in by name until ${lost.until}`
    case 'file-list':
      return 'its signers do not say which files it has; before, they did'
    case 'predicate':
      return `there is no statement of type ${lost.type} any more`
  }
}

/** The same in a sentence, safe to be shown. */
export function formatWidening(widening: Widening): string {
  const rows = wideningRows(widening).map(({ what, value }) => `${what} ${printable(value, 300)}`)
  const more = rows.length > ROWS_SAID ? ` and ${rows.length - ROWS_SAID} more` : ''
  return `${rows.slice(0, ROWS_SAID).join('; ')}${more}`
}

const ROWS_SAID = 20
