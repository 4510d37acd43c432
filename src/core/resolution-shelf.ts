import { type PluginName, SEMVER } from './name.ts'
import { printable } from './printable.ts'
import type { Candidate, PassedOver, Present, ResolutionRequest, Wanted } from './resolution.ts'
import type { Option } from './resolution-search.ts'
import { faultOfRequires, type VersionRules } from './version-range.ts'

/** Every version of one plugin, as far as that can be judged before anything is chosen. */
export interface Shelf<C> {
  /** In the order they are tried. */
  readonly options: readonly Option<C>[]
  /** Out of the question, newest first, and why. */
  readonly passed: readonly PassedOver[]
  /** All that are known, newest first. */
  readonly versions: readonly string[]
}

/** What is settled about it beforehand. */
export interface Bounds {
  readonly wanted: readonly Wanted[]
  readonly present: Present | undefined
  readonly locked: string | undefined
}

export async function shelfOf<C extends Candidate>(
  name: PluginName,
  bounds: Bounds,
  request: Pick<ResolutionRequest<C>, 'candidates' | 'unusable'>,
  rules: VersionRules,
): Promise<Shelf<C>> {
  const { present, wanted } = bounds
  const listed = new Map<string, C>()
  for (const one of await request.candidates(name)) {
    // What is no version could not be compared, and would be said to somebody.
    if (SEMVER.test(one.version) && !listed.has(one.version)) listed.set(one.version, one)
  }
  // What is here already needs no other copy of itself.
  if (present !== undefined) listed.delete(present.version)

  const options: Option<C>[] = []
  const passed: PassedOver[] = []
  const judge = (version: string, fault: string | null, option: Option<C>) => {
    if (fault === null) options.push(option)
    else passed.push({ version, reason: fault })
  }
  for (const candidate of listed.values()) {
    const { version, requires } = candidate
    const fault = beyond(version, bounds, rules) ?? unfit(candidate, bounds, rules) ?? request.unusable(candidate)
    judge(version, fault, { version, requires, candidate })
  }
  if (present !== undefined) {
    const { version, requires } = present
    judge(version, beyond(version, bounds, rules), { version, requires, candidate: null })
  }
  const newestFirst = (a: { version: string }, b: { version: string }) => rules.compare(b.version, a.version)
  options.sort(newestFirst)
  // What nobody asked for stays as it is if it can.
  if (wanted.length === 0) options.sort((a, b) => Number(a.candidate !== null) - Number(b.candidate !== null))
  return {
    options,
    passed: passed.sort(newestFirst),
    versions: [...listed.keys(), ...(present === undefined ? [] : [present.version])].sort((a, b) =>
      rules.compare(b, a),
    ),
  }
}

/** What neither the newest nor the oldest can get round: it is held, locked, or not what was asked for. */
function beyond(version: string, { wanted, present, locked }: Bounds, rules: VersionRules): string | null {
  if (present?.held && version !== present.version) return `it is held at ${present.version}`
  if (locked !== undefined && version !== locked) return `the lock file has ${locked}`
  for (const { range, exact } of wanted) {
    if (exact === true ? version === range : isAsked(version, range, present, rules)) continue
    if (range === null) return 'it is a version before a release, which must be asked for by its name'
    return `${range} was asked for`
  }
  return null
}

/** Without a range it is the newest, or what is here already. */
const isAsked = (version: string, range: string | null, present: Present | undefined, rules: VersionRules): boolean =>
  (range === null && version === present?.version) || rules.satisfies(version, range ?? '*')

function unfit(candidate: Candidate, { wanted, present, locked }: Bounds, rules: VersionRules): string | null {
  const { name, version, requires, yanked } = candidate
  const isNamed = version === locked || wanted.some(({ range, exact }) => exact === true && range === version)
  if (yanked !== null && !isNamed) return `it was yanked: ${printable(yanked, 80)}`
  const mayBeOlder = version === locked || wanted.some(({ range }) => range !== null)
  if (present !== undefined && !mayBeOlder && rules.compare(version, present.version) < 0) {
    return `it is older than the installed ${present.version}`
  }
  return faultOfRequires(name, requires)
}
