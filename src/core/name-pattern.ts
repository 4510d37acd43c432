import { NAME_SEGMENT, type PluginName } from './name.ts'

/** `acme/hello`, `acme/*` or everything. A `*` stands for one whole segment; there is no other wildcard. */
export const PATTERN = new RegExp(`^(?:\\*/\\*|${NAME_SEGMENT}/(?:\\*|${NAME_SEGMENT}))$`)

/** The patterns that match a name, the most exact first. */
export function patternsFor(name: PluginName): readonly [string, string, string] {
  return [name, `${name.slice(0, name.indexOf('/'))}/*`, '*/*']
}

/** Whether every name that `narrow` matches is one that `broad` matches. */
export const covers = (broad: string, narrow: string): boolean =>
  broad === narrow || broad === '*/*' || (broad.endsWith('/*') && narrow.startsWith(broad.slice(0, -1)))
