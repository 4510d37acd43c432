import { UsageError } from '../index.ts'

/** A date as somebody typed it, as RFC 3339 in UTC. */
export function instant(text: string | undefined, flag: string): string | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (!Number.isNaN(ms)) return new Date(ms).toISOString()
  throw new UsageError('USAGE', `cannot use ${flag} "${text}": expected a date such as 2030-01-31T00:00:00Z`)
}
