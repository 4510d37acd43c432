import type { ListedRelease } from './listed-release.ts'
import { SEMVER } from './name.ts'

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
