import { UsageError } from '../index.ts'

/** RFC 3339, or a date of it, which is when that day begins in UTC. */
const DATE = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))?$/

/**
 * A date as somebody typed it, as RFC 3339 in UTC. Only where it can be read in one way: Date.parse takes 11/05/2026 for
 * November, 31 November for December, and a time without a zone for this host's, each of which moves a revocation.
 */
export function instant(text: string | undefined, flag: string, orElse = ''): string | undefined {
  if (text === undefined) return undefined
  const [, day] = DATE.exec(text) ?? []
  const ms = day === undefined || !isInCalendar(day) ? Number.NaN : Date.parse(text)
  if (!Number.isNaN(ms)) return new Date(ms).toISOString()
  throw new UsageError(
    'USAGE',
    `cannot use ${flag} "${text}": expected ${orElse}a date such as 2030-01-31 or 2030-01-31T00:00:00Z`,
  )
}

function isInCalendar(day: string): boolean {
  const ms = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day)
}
