import type { AuditEvent } from '../index.ts'

/** What an event says, on one line: a sentence where there is one for it, else its parts by name. */
export function eventText({ kind, details }: Pick<AuditEvent, 'kind' | 'details'>): string {
  return (kind === 'network' ? networkText(details) : null) ?? partsOf(details)
}

/** `denied 10.0.0.5:5432: it is a private address, 3 times` */
function networkText(details: AuditEvent['details']): string | null {
  const { verdict, name, port, address, reason, count, run } = details
  if (typeof verdict !== 'string' || typeof name !== 'string') return null
  const where = port === 0 ? name : `${name.includes(':') ? `[${name}]` : name}:${port}`
  const at = typeof address === 'string' && address !== name ? ` at ${address}` : ''
  const why = typeof reason === 'string' ? `: ${reason}` : ''
  const times = typeof count === 'number' && count > 1 ? `, ${count} times` : ''
  return `${verdict} ${where}${at}${why}${times} (run ${run})`
}

const partsOf = (details: AuditEvent['details']): string =>
  Object.entries(details)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
