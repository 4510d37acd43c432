export { PATTERN, patternsFor } from '../core/name-pattern.ts'

/** The patterns that would decide where this one decides now, if it had no rule. */
export function broaderThan(pattern: string): readonly string[] {
  if (pattern === '*/*') return []
  return pattern.endsWith('/*') ? ['*/*'] : [`${pattern.slice(0, pattern.indexOf('/'))}/*`, '*/*']
}
