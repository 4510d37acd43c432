import type { PluginName } from './name.ts'
import type { Candidate, Link, PassedOver, Present, ResolutionRequest, Wanted } from './resolution.ts'
import { type Shelf, shelfOf } from './resolution-shelf.ts'
import type { VersionRules } from './version-range.ts'

/** One version that could be chosen; `candidate` is `null` for the one that is installed. */
export interface Option<C> {
  readonly version: string
  readonly requires: Readonly<Record<string, string>>
  readonly candidate: C | null
}

/** A plugin for which no version was left, as it was at that moment. */
export interface DeadEnd {
  readonly name: PluginName
  /** Who needs it, each by its chain from what was asked for. */
  readonly needs: readonly { readonly chain: readonly Link[]; readonly range: string }[]
  /** Every version that is known, newest first; empty: nobody lists it and it is not installed. */
  readonly versions: readonly string[]
  /** Versions that were not taken, newest first, and why. */
  readonly rejected: readonly PassedOver[]
  /** A way round that one of them would have closed. */
  readonly cycle: readonly { readonly name: string; readonly version: string }[] | null
  /** Installed plugins that nobody asked for, which need another version of it. */
  readonly dependents: readonly string[]
}

interface Rejection {
  readonly reason: string
  /** Chosen plugins without whose version this one would not have been rejected. */
  readonly culprits: readonly string[]
  readonly cycle?: DeadEnd['cycle']
  readonly dependent?: string
}

/** Why a version was not taken that is good itself. */
export const NOTHING_NEEDED = 'what it needs cannot be had'
/** Versions tried before it is given up: far beyond what real plugins need, and a moment of work. */
export const TRIALS_MAX = 20_000
/** Steps on the way to them, of which a comparison of a version with a range is the dearest: some seconds of work. */
const WORK_MAX = 20_000_000
const COMPARISON = 40
/** Plugins looked at in one resolution, beyond those that are installed. */
const PLUGINS_MAX = 1_000
/** Versions, and what they need, of all lists together: some hundred megabytes. One list of 4 MiB is as much in memory. */
const LISTED_MAX = 500_000
/** Dead ends kept for the explanation: the first ones are those of the newest versions. */
const DEAD_ENDS_MAX = 20

/**
 * Depth first, with jumps: a plugin for which nothing is left says which choices are to blame, and the search goes back to
 * the last of those and not through everything between. It finds what there is to find, and meets it in the order of
 * preference.
 */
export class Search<C extends Candidate> {
  readonly chosen = new Map<string, Option<C>>()
  readonly deadEnds: DeadEnd[] = []
  readonly #request: ResolutionRequest<C>
  readonly #rules: VersionRules
  readonly #wanted = new Map<string, Wanted[]>()
  readonly #roots: readonly string[]
  readonly #present: ReadonlyMap<string, Present>
  /** Installed plugins by what they need. */
  readonly #dependents = new Map<string, Present[]>()
  readonly #shelves = new Map<string, Shelf<C>>()
  /** Of each plugin, why a version was not taken when that was last tried. */
  readonly #rejections = new Map<string, Map<string, string>>()
  #reach: ReadonlySet<string> | null = null
  #trials = 0
  #listed = 0
  #work = 0

  constructor(request: ResolutionRequest<C>, rules: VersionRules) {
    this.#request = request
    this.#rules = rules
    const wanted = [...request.wanted].sort((a, b) => order(a.range ?? '', b.range ?? ''))
    for (const one of wanted) append(this.#wanted, one.name, one)
    this.#roots = [...this.#wanted.keys()].sort(order)
    const installed = [...request.installed].sort((a, b) => order(a.name, b.name))
    this.#present = new Map(installed.map((one) => [one.name, one]))
    for (const one of installed) for (const needed of Object.keys(one.requires)) append(this.#dependents, needed, one)
  }

  async run(): Promise<'found' | 'none' | 'undecided'> {
    try {
      return (await this.#choose()) === null ? 'found' : 'none'
    } catch (error) {
      if (error instanceof TooMuch) return 'undecided'
      throw error
    }
  }

  /** The shortest way from what was asked for to what needs it. */
  chainTo(name: string): Link[] {
    const before = new Map<string, string | null>(this.#roots.map((root) => [root, null]))
    for (const [at] of before) {
      if (at === name) break
      for (const needed of this.#needsOf(at)) if (!before.has(needed)) before.set(needed, at)
    }
    const chain: Link[] = []
    for (let to = name, at = before.get(to); at != null; to = at, at = before.get(to)) chain.unshift(this.#link(at, to))
    return chain
  }

  passedOver(name: string): PassedOver[] {
    const chosen = this.chosen.get(name)
    return chosen === undefined
      ? []
      : this.#rejected(name).filter(({ version }) => this.#rules.compare(version, chosen.version) > 0)
  }

  /** `null`: everything is chosen. Else the choices that cannot all stand. */
  async #choose(): Promise<ReadonlySet<string> | null> {
    const name = this.#pending()
    if (name === null) return this.#leftBehind()
    const culprits = new Set(this.#requirersOf(name))
    const rejections = new Map<string, string>()
    this.#rejections.set(name, rejections)
    const seen: Rejection[] = []
    for (const option of (await this.#shelf(name)).options) {
      if (++this.#trials > TRIALS_MAX) throw new TooMuch()
      const rejection = await this.#rejection(name, option)
      if (rejection !== null) {
        seen.push(rejection)
        rejections.set(option.version, rejection.reason)
        for (const culprit of rejection.culprits) culprits.add(culprit)
        continue
      }
      this.chosen.set(name, option)
      const conflict = (await this.#nothingLeft(option)) ?? (await this.#choose())
      if (conflict === null) return null
      this.chosen.delete(name)
      if (!conflict.has(name)) return conflict
      rejections.set(option.version, NOTHING_NEEDED)
      for (const culprit of conflict) if (culprit !== name) culprits.add(culprit)
    }
    this.#note(name, seen)
    return culprits
  }

  /** Looked at at once, and not when it is its turn: until then everything between would be chosen again and again. */
  async #nothingLeft({ requires }: Option<C>): Promise<ReadonlySet<string> | null> {
    for (const needed of Object.keys(requires).sort(order)) {
      if (this.chosen.has(needed)) continue
      const { options } = await this.#shelf(needed)
      if (options.some(({ version }) => this.#outOfRange(needed, version) === null)) continue
      const reasons = options.map(({ version }) => [version, this.#outOfRange(needed, version)?.reason ?? ''] as const)
      this.#rejections.set(needed, new Map(reasons))
      this.#note(needed, [])
      return new Set(this.#requirersOf(needed))
    }
    return null
  }

  /** Breadth first: what needs is chosen before what is needed, so that the newest version is given up near the cause. */
  #pending(): string | null {
    const names = new Set(this.#roots)
    for (const name of names) {
      if (!this.chosen.has(name)) return name
      for (const needed of this.#counted(this.#needsOf(name))) names.add(needed)
    }
    return null
  }

  async #rejection(name: string, option: Option<C>): Promise<Rejection | null> {
    const outOfRange = this.#outOfRange(name, option.version)
    if (outOfRange !== null) return outOfRange
    for (const [needed, range] of entriesOf(option.requires)) {
      const other = this.chosen.get(needed)
      if (other !== undefined && !this.#satisfies(other.version, range)) {
        const reason = `it needs ${needed} ${range}, not ${other.version}${this.#because(needed)}`
        return { reason, culprits: [needed] }
      }
    }
    return this.#closedCycle(name, option) ?? (await this.#brokenDependent(name, option))
  }

  #outOfRange(name: string, version: string): Rejection | null {
    for (const by of this.#requirersOf(name)) {
      const { range } = this.#link(by, name)
      if (!this.#satisfies(version, range)) {
        return { reason: `${this.#shown(by)} needs ${range}`, culprits: [by] }
      }
    }
    return null
  }

  /** Who else has a word about its version. */
  #because(name: string): string {
    const asked = this.#wanted.get(name)?.find(({ range }) => range !== null)
    if (asked !== undefined) return `, and ${asked.range} was asked for`
    const by = this.#requirersOf(name).find((one) => this.#link(one, name).range !== '*')
    return by === undefined ? '' : `, and ${this.#shown(by)} needs ${this.#link(by, name).range}`
  }

  #closedCycle(name: string, option: Option<C>): Rejection | null {
    const needs = Object.keys(option.requires).sort(order)
    const before = new Map<string, string>(needs.map((needed) => [needed, name]))
    for (const [at] of before) {
      if (at === name) break
      for (const needed of this.#counted(this.#needsOf(at))) if (!before.has(needed)) before.set(needed, at)
    }
    if (!before.has(name)) return null
    const through: string[] = []
    for (let at = before.get(name); at !== undefined && at !== name; at = before.get(at)) through.unshift(at)
    const cycle = [name, ...through].map((one) => ({
      name: one,
      version: one === name ? option.version : (this.chosen.get(one)?.version ?? ''),
    }))
    return { reason: 'it would need itself', culprits: through, cycle }
  }

  /** An installed plugin that nobody will touch needs another version of what would change. */
  async #brokenDependent(name: string, option: Option<C>): Promise<Rejection | null> {
    for (const one of this.#brokenBy(name, option)) {
      if (await this.#mayBeTouched(one.name)) continue // Looked at again when everything is chosen.
      const reason = `${one.name} ${one.version} needs ${one.requires[name]}`
      return { reason, culprits: [], dependent: one.name }
    }
    return null
  }

  /** Of those that might have been touched: that they were not is nobody's choice alone, so all of them are to blame. */
  #leftBehind(): ReadonlySet<string> | null {
    for (const [name, option] of this.chosen) {
      const [broken] = this.#brokenBy(name, option)
      if (broken === undefined) continue
      const reason = `${broken.name} ${broken.version} needs ${broken.requires[name]}`
      const rejection = { reason, culprits: [], dependent: broken.name }
      this.#note(name, [rejection], [{ version: option.version, reason }])
      return new Set(this.chosen.keys())
    }
    return null
  }

  #brokenBy(name: string, { candidate, version }: Option<C>): Present[] {
    if (candidate === null) return []
    return (this.#dependents.get(name) ?? []).filter(
      (one) => !this.chosen.has(one.name) && !this.#satisfies(version, one.requires[name] ?? '*'),
    )
  }

  /** Whether any version of anything could bring it in. */
  async #mayBeTouched(name: string): Promise<boolean> {
    if (this.#reach === null) {
      const names = new Set(this.#roots)
      for (const at of names) {
        for (const { requires } of (await this.#shelf(at)).options) {
          for (const needed of Object.keys(requires)) names.add(needed)
        }
      }
      this.#reach = names
    }
    return this.#reach.has(name)
  }

  async #shelf(name: string): Promise<Shelf<C>> {
    const known = this.#shelves.get(name)
    if (known !== undefined) return known
    if (this.#shelves.size >= PLUGINS_MAX + this.#present.size) throw new TooMuch()
    const shelf = await shelfOf(
      name as PluginName,
      {
        wanted: this.#wanted.get(name) ?? [],
        present: this.#present.get(name),
        locked: this.#request.locked.get(name),
      },
      this.#request,
      this.#rules,
    )
    this.#shelves.set(name, shelf)
    this.#listed += shelf.versions.length
    for (const { requires } of shelf.options) this.#listed += Object.keys(requires).length
    if (this.#listed > LISTED_MAX) throw new TooMuch()
    return shelf
  }

  /** A dead end, as long as few are known. */
  #note(name: string, rejections: readonly Rejection[], rejected?: readonly PassedOver[]): void {
    if (this.deadEnds.length >= DEAD_ENDS_MAX) return
    const requirers = this.#requirersOf(name)
    this.deadEnds.push({
      name: name as PluginName,
      needs: [
        ...(this.#wanted.get(name) ?? []).map(({ range }) => ({ chain: [], range: range ?? '*' })),
        ...requirers.map((by) => {
          const last = this.#link(by, name)
          return { chain: [...this.chainTo(by), last], range: last.range }
        }),
      ],
      versions: this.#shelves.get(name)?.versions ?? [],
      rejected: rejected ?? this.#rejected(name),
      cycle: rejections.find(({ cycle }) => cycle !== undefined)?.cycle ?? null,
      dependents: [
        ...new Set(rejections.flatMap(({ dependent }) => (dependent === undefined ? [] : [dependent]))),
      ].sort(order),
    })
  }

  /** Newest first. */
  #rejected(name: string): PassedOver[] {
    const tried = [...(this.#rejections.get(name) ?? [])].map(([version, reason]) => ({ version, reason }))
    const passed = this.#shelves.get(name)?.passed ?? []
    return [...passed, ...tried].sort((a, b) => this.#rules.compare(b.version, a.version))
  }

  #satisfies(version: string, range: string): boolean {
    this.#spend(COMPARISON)
    return this.#rules.satisfies(version, range)
  }

  /** An index is nobody's signed word: thousands of versions that cannot go together must not keep a host busy for hours. */
  #spend(work: number): void {
    this.#work += work
    if (this.#work > WORK_MAX) throw new TooMuch()
  }

  #counted(names: readonly string[]): readonly string[] {
    this.#spend(1 + names.length)
    return names
  }

  #needsOf(name: string): string[] {
    return Object.keys(this.chosen.get(name)?.requires ?? {}).sort(order)
  }

  #requirersOf(name: string): string[] {
    return [...this.chosen].flatMap(([by, { requires }]) => (name in requires ? [by] : [])).sort(order)
  }

  #link(by: string, needed: string): Link {
    const { version = '', requires = {} } = this.chosen.get(by) ?? {}
    return { name: by as PluginName, version, range: requires[needed] ?? '*' }
  }

  #shown(name: string): string {
    return `${name} ${this.chosen.get(name)?.version}`
  }
}

/** It was given up: too many versions tried, or plugins looked at. */
class TooMuch extends Error {}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

const entriesOf = (requires: Readonly<Record<string, string>>) =>
  Object.entries(requires).sort(([a], [b]) => order(a, b))

/** By code units: the same on every machine. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
