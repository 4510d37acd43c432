import { isPluginName } from './name.ts'
import { printable } from './printable.ts'

const NUMBER = '(?:0|[1-9]\\d{0,14})'
/** Part of a version before a release: as in `SEMVER`. */
const PRERELEASE = `(?:${NUMBER}|\\d*[a-zA-Z-][0-9a-zA-Z-]*)`
/** `1`, `1.2`, `1.x`, `1.2.*`, `1.2.3-rc.1`, `*`. */
const PARTIAL = `(?:[xX*]|${NUMBER}(?:\\.[xX*]){0,2}|${NUMBER}\\.${NUMBER}(?:\\.[xX*]|\\.${NUMBER}(?:-${PRERELEASE}(?:\\.${PRERELEASE})*)?)?)`
const COMPARATOR = `(?:(?:[<>]=?|[=~^]) ?)?${PARTIAL}`

/**
 * A range of versions, such as `^1.2`, `>=1.2.0 <2`, `1.2.x` or `^1 || ^2`: what npm's documentation says of ranges, without
 * what its parser lets pass besides (`v1`, `~>1`, blanks anywhere, `1.x.3`, the empty range, build numbers, which no range
 * can see) and without `1 - 3`, which is `>=1 <=3`. A pattern, so that the schema that is published says it too; a test
 * holds that semver understands whatever it matches.
 */
export const VERSION_RANGE = new RegExp(`^${COMPARATOR}(?:(?: ?\\|\\| ?| )${COMPARATOR})*$`)
export const RANGE_MAX_LENGTH = 100

export const isVersionRange = (text: string): boolean => text.length <= RANGE_MAX_LENGTH && VERSION_RANGE.test(text)

/** At most so many other plugins can one need. */
export const REQUIRES_MAX = 64

/** What is wrong with a `requires` of somebody else's listing, or `null`: a manifest's was checked when it was parsed. */
export function faultOfRequires(name: string, requires: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(requires)
  if (entries.length > REQUIRES_MAX) return `it requires ${entries.length} plugins, more than ${REQUIRES_MAX}`
  for (const [needed, range] of entries) {
    if (needed === name) return 'it requires itself'
    if (!isPluginName(needed)) return `it requires "${printable(needed, 80)}", which is no name of a plugin`
    if (!isVersionRange(range)) {
      return `it requires ${needed} "${printable(range, RANGE_MAX_LENGTH)}", which is no range of versions`
    }
  }
  return null
}

/** How versions compare. */
export interface VersionRules {
  /** A version before a release (`1.2.0-rc.1`) belongs to a range that names one of the same `1.2.0`, and to no other. */
  satisfies(version: string, range: string): boolean
  /** SemVer's order, and where that knows none the order of the builds: no two versions are equal that are not the same. */
  compare(a: string, b: string): number
}

/** The only way to them: semver costs more to load than most of what a run does, and a run compares no versions. */
export async function versionRules(): Promise<VersionRules> {
  const { default: semver } = await import('semver')
  return {
    satisfies: (version, range) => semver.satisfies(version, range),
    compare: (a, b) => semver.compareBuild(a, b),
  }
}
