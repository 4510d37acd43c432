import { PluginError } from './errors.ts'
import type { Installation } from './installation.ts'
import type { PluginName } from './name.ts'
import { type VersionRules, versionRules } from './version-range.ts'

/** What counts of an installed plugin here. */
export type Needing = Pick<Installation, 'name' | 'version' | 'requires'>

/** An installed plugin that needs another one, in a range. */
export interface Dependent {
  readonly name: PluginName
  readonly version: string
  readonly range: string
}

/** Sorted by name. */
export function dependentsOf(installed: readonly Needing[], name: string): Dependent[] {
  return installed
    .flatMap((one) => {
      const range = Object.hasOwn(one.requires, name) ? one.requires[name] : undefined
      return range === undefined || one.name === name ? [] : [{ name: one.name, version: one.version, range }]
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * For a removal; those that are removed together with it are left out of `installed`.
 * @throws PluginError `DEPENDENCY_NEEDED` naming who needs it, by which range
 */
export function assertNotNeeded(installed: readonly Needing[], name: string): void {
  const dependents = dependentsOf(installed, name)
  if (dependents.length === 0) return
  throw new PluginError('DEPENDENCY_NEEDED', `cannot remove ${name}: ${shown(dependents)}`, {
    hint: `remove what needs it first: ${dependents.map((one) => `plugins remove ${one.name}`).join(', ')}`,
    details: { neededBy: dependents },
  })
}

/**
 * For another version of an installed plugin that nothing was resolved for: from a file, or one that is gone back to.
 * @throws PluginError `DEPENDENCY_CONFLICT` naming who needs another one
 */
export async function assertStillSatisfied(
  installed: readonly Needing[],
  name: string,
  version: string,
): Promise<void> {
  if (dependentsOf(installed, name).length > 0) assertSatisfied(installed, name, version, await versionRules())
}

function assertSatisfied(installed: readonly Needing[], name: string, version: string, rules: VersionRules): void {
  const broken = dependentsOf(installed, name).filter(({ range }) => !rules.satisfies(version, range))
  if (broken.length === 0) return
  throw new PluginError('DEPENDENCY_CONFLICT', `cannot switch ${name} to ${version}: ${shown(broken)}`, {
    hint: `plugins update ${broken[0]?.name} first, if there is a version of it that goes with it; or plugins remove it`,
    details: { neededBy: broken },
  })
}

/**
 * For a release that nothing was resolved for, from a file or gone back to: what it needs must be installed already.
 * @throws PluginError `DEPENDENCY_MISSING` naming all that is not
 */
export async function assertHasWhatItNeeds(installed: readonly Needing[], release: Needing): Promise<void> {
  if (Object.keys(release.requires).length > 0) assertHas(installed, release, await versionRules())
}

/**
 * Both at once, in the moment in which a change comes true: others may have been changed since it was decided on.
 * `besides`: those that the same command changes.
 * @throws PluginError `DEPENDENCY_MISSING`, `DEPENDENCY_CONFLICT`
 */
export function assertGoTogether(
  installed: readonly Needing[],
  release: Needing,
  rules: VersionRules,
  besides: readonly string[] = [],
): void {
  assertHas(installed, release, rules)
  const others = installed.filter(({ name }) => !besides.includes(name))
  assertSatisfied(others, release.name, release.version, rules)
}

function assertHas(installed: readonly Needing[], release: Needing, rules: VersionRules): void {
  const lacking = Object.entries(release.requires).flatMap(([name, range]) => {
    const found = installed.find((one) => one.name === name)
    return found !== undefined && rules.satisfies(found.version, range) ? [] : [{ name, range, found }]
  })
  if (lacking.length === 0) return
  const missing = lacking.map(
    ({ name, range, found }) =>
      `${name} ${range} (${found === undefined ? 'not installed' : `${found.version} is installed`})`,
  )
  throw new PluginError(
    'DEPENDENCY_MISSING',
    `cannot install ${release.name} ${release.version}: it needs ${missing.join(', ')}`,
    {
      hint: `first: plugins install ${lacking.map(({ name, range }) => `'${name}@${range}'`).join(' ')}`,
      details: { missing },
    },
  )
}

const shown = (dependents: readonly Dependent[]): string =>
  dependents.map(({ name, version, range }) => `${name} ${version} needs it (${range})`).join(', ')
