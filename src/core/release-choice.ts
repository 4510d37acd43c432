import { RegistryError } from './errors.ts'
import type { ListedRelease } from './listed-release.ts'
import { type PluginName, SEMVER } from './name.ts'
import { printable } from './printable.ts'

export interface ChoiceOptions {
  /** Versions such as 2.0.0-beta.1 too, where the range does not name one itself. */
  readonly includePrerelease?: boolean
}

type Choosable = Pick<ListedRelease, 'version' | 'yanked'>

/**
 * The newest release in a range, or `null`. What was yanked is chosen by its exact version alone: a lock file must go on
 * working, and nobody new shall get it. `null` as the range: any.
 */
export async function latestFor<T extends Choosable>(
  releases: readonly T[],
  range: string | null,
  { includePrerelease = false }: ChoiceOptions = {},
): Promise<T | null> {
  const exact = range !== null && SEMVER.test(range) ? releases.find(({ version }) => version === range) : undefined
  if (exact !== undefined) return exact
  const { compareBuild, satisfies } = (await import('semver')).default
  return releases
    .filter(({ version, yanked }) => yanked === null && satisfies(version, range ?? '*', { includePrerelease }))
    .reduce<T | null>((best, one) => (best === null || compareBuild(one.version, best.version) > 0 ? one : best), null)
}

/** Newest first. */
export async function newestFirst<T extends Pick<ListedRelease, 'version'>>(releases: readonly T[]): Promise<T[]> {
  const { compareBuild } = (await import('semver')).default
  return [...releases].sort((a, b) => compareBuild(b.version, a.version))
}

const SHOWN = 10

/** What to say when `latestFor` found nothing: which versions there are. */
export async function releaseNotFound(
  name: PluginName,
  range: string | null,
  releases: readonly ListedRelease[],
): Promise<RegistryError> {
  const sorted = await newestFirst(releases)
  const shown = sorted.slice(0, SHOWN).map(({ version, yanked }) => `${version}${yanked === null ? '' : ' (yanked)'}`)
  const more = sorted.length > SHOWN ? ` and ${sorted.length - SHOWN} more` : ''
  const found = shown.length === 0 ? 'none' : `${shown.join(', ')}${more}`
  const where = sorted[0] === undefined ? '' : `registry ${printable(sorted[0].registry, 200)} has `
  return new RegistryError(
    'RELEASE_NOT_FOUND',
    `cannot find ${name}${range === null ? '' : ` ${printable(range)}`}: ${where}${found}`,
    {
      hint: `plugins install ${name}@VERSION takes exactly that version, one before a release or a yanked one too`,
      details: { name, range, versions: sorted.map(({ version }) => version) },
    },
  )
}
