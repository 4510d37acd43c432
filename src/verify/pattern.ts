import type { PluginName } from '../core/name.ts'

const SEGMENT = '[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?'

/** `acme/hello`, `acme/*` or everything. A `*` stands for one whole segment; there is no other wildcard. */
export const PATTERN = new RegExp(`^(?:\\*/\\*|${SEGMENT}/(?:\\*|${SEGMENT}))$`)

/** The patterns that match a name, the most exact first. The first that has a rule decides alone. */
export function patternsFor(name: PluginName): readonly [string, string, string] {
  return [name, `${name.slice(0, name.indexOf('/'))}/*`, '*/*']
}

/** The patterns that would decide where this one decides now, if it had no rule. */
export function broaderThan(pattern: string): readonly string[] {
  if (pattern === '*/*') return []
  return pattern.endsWith('/*') ? ['*/*'] : [`${pattern.slice(0, pattern.indexOf('/'))}/*`, '*/*']
}
