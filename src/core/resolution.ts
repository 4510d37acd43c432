import type { Installation } from './installation.ts'
import type { ListedRelease } from './listed-release.ts'
import type { PluginName } from './name.ts'
import { faultOf, undecided } from './resolution-faults.ts'
import { type Option, Search } from './resolution-search.ts'
import { type VersionRules, versionRules } from './version-range.ts'

/** A release that could be chosen. Whoever asks may hand in more of it than this, and gets that back. */
export type Candidate = Pick<ListedRelease, 'name' | 'version' | 'requires' | 'engines' | 'platforms' | 'yanked'>

/** What somebody asked for by name. Several of one name must all hold. */
export interface Wanted {
  readonly name: PluginName
  /** `null`: the newest there is, and never an older one than is installed. */
  readonly range: string | null
  /** `range` is a version and is meant to the letter: it may be one that was yanked. */
  readonly exact?: boolean | undefined
}

/** A plugin of this host, its active version. */
export type Present = Pick<Installation, 'name' | 'version' | 'requires'> & { readonly held: boolean }

export interface ResolutionRequest<C extends Candidate> {
  readonly wanted: readonly Wanted[]
  /** Everything installed: what is not touched must go on working. */
  readonly installed: readonly Present[]
  /** What a lock file says: these versions and no others. */
  readonly locked: ReadonlyMap<string, string>
  /** Every version that is listed; none for a plugin that nobody lists. Where one version is there twice, the first counts. */
  candidates(name: PluginName): Promise<readonly C[]>
  /** Why this one cannot be taken here, in a few words (machine, engine, age), or `null`. */
  unusable(candidate: C): string | null
}

/** One plugin of a chain: it needs the next one in `range`. */
export interface Link {
  readonly name: PluginName
  readonly version: string
  readonly range: string
}

export type ResolutionAction = 'install' | 'update' | 'downgrade' | 'keep'

export interface ResolutionStep<C extends Candidate> {
  readonly name: PluginName
  readonly version: string
  /** The version in whose place it comes; `null`: none is installed. */
  readonly from: string | null
  readonly action: ResolutionAction
  /** `null`: it is kept. */
  readonly candidate: C | null
  /** From what was asked for to what needs it; empty for what was asked for itself. */
  readonly neededBy: readonly Link[]
  /** Newer versions that were not taken, newest first, and why. */
  readonly passedOver: readonly PassedOver[]
}

export interface PassedOver {
  readonly version: string
  readonly reason: string
}

export interface Resolution<C extends Candidate> {
  /** What is needed before what needs it. */
  readonly steps: readonly ResolutionStep<C>[]
}

/**
 * One version for each plugin that is wanted or that a wanted one needs: the newest that go together, what is wanted before
 * what is only needed. An installed plugin that was not asked for stays as it is unless one that comes needs another version
 * of it; then it is made newer and never older, because old versions carry old holes and a manifest of somebody else must
 * not bring them back. Plugins that nobody asked for and nothing needs are not touched, and go on having what they need.
 * The answer depends on what is given and not on its order.
 *
 * @throws PluginError `DEPENDENCY_MISSING`, `DEPENDENCY_CONFLICT`, `DEPENDENCY_CYCLE`, `DEPENDENCY_UNDECIDED`
 */
export async function resolve<C extends Candidate>(request: ResolutionRequest<C>): Promise<Resolution<C>> {
  const rules = await versionRules()
  const search = new Search(request, rules)
  const outcome = await search.run()
  if (outcome === 'undecided') throw undecided(request, search.deadEnds, rules)
  if (outcome === 'none') throw faultOf(request, search.deadEnds, rules)
  const present = new Map(request.installed.map((one) => [one.name as string, one.version]))
  return {
    steps: dependenciesFirst(search.chosen).map(([name, option]) => ({
      name: name as PluginName,
      version: option.version,
      from: present.get(name) ?? null,
      action: actionOf(option, present.get(name), rules),
      candidate: option.candidate,
      neededBy: search.chainTo(name),
      passedOver: search.passedOver(name),
    })),
  }
}

function actionOf(
  { candidate, version }: Option<Candidate>,
  from: string | undefined,
  rules: VersionRules,
): ResolutionAction {
  if (candidate === null) return 'keep'
  if (from === undefined) return 'install'
  return rules.compare(version, from) > 0 ? 'update' : 'downgrade'
}

/** Depth first, names in order: there are no cycles in what was chosen. */
function dependenciesFirst<O extends { readonly requires: Readonly<Record<string, string>> }>(
  chosen: ReadonlyMap<string, O>,
): [string, O][] {
  const ordered = new Map<string, O>()
  const visit = (name: string) => {
    const option = chosen.get(name)
    if (option === undefined || ordered.has(name)) return
    for (const needed of Object.keys(option.requires).sort()) visit(needed)
    ordered.set(name, option)
  }
  for (const name of [...chosen.keys()].sort()) visit(name)
  return [...ordered]
}
