import { PluginError, StoreError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import { versionRules } from '../core/version-range.ts'
import type { Catalog } from '../registry/index.ts'
import { type Assent, admit, decideOn, type InstallReport, type Waiting } from './admission.ts'
import { fetchListed } from './catalog.ts'
import { HeldTarballs } from './held-tarballs.ts'
import type { Host } from './host.ts'
import { type Came, letStand, pastOf, takeBack, type WayBack } from './taking-back.ts'
import type { Admitting } from './vetting.ts'

/** One of the releases that were chosen together. */
export interface Coming {
  readonly candidate: ListedRelease
  readonly options: Admitting
}

/**
 * What became of it. `stays`: one that it goes together with waits, so nothing was done to it either. `here`: another process was
 * faster with the very same release.
 */
export type Arrival =
  | { readonly kind: 'installed'; readonly report: InstallReport }
  | Waiting
  | { readonly kind: 'stays'; readonly for: PluginName }
  | Here

interface Here {
  readonly kind: 'here'
}

interface Delivery {
  readonly host: Host
  readonly catalog: Catalog
  readonly held: HeldTarballs
}

interface Ready extends Coming {
  readonly decision: Assent | Waiting | Here | null
}

/**
 * Releases in the order in which they need each other. Everything is fetched, verified and agreed to before the first is brought
 * in. Those that need each other come in together or not at all: when a later one cannot be brought in, what came before it goes
 * back to what it was.
 *
 * @throws PluginError of the first that cannot be brought in; `details` has what was `done` and stands, and what was `undone`
 */
export async function bringTogether(host: Host, catalog: Catalog, coming: readonly Coming[]): Promise<Arrival[]> {
  const delivery = { host, catalog, held: new HeldTarballs() }
  const arrivals = new Map<PluginName, Arrival>()
  const stands: InstallReport[] = []
  for (const group of await groupsOf(host, await decided(delivery, coming))) {
    const became = waitingAmong(group) ?? (await bringGroup(delivery, group, stands))
    for (const [name, arrival] of became) arrivals.set(name, arrival)
  }
  return coming.flatMap(({ candidate }) => arrivals.get(candidate.name) ?? [])
}

/** One alone is decided on when it comes in. */
async function decided({ host, catalog, held }: Delivery, coming: readonly Coming[]): Promise<Ready[]> {
  if (coming.length === 1) return coming.map((one) => ({ ...one, decision: null }))
  const ready: Ready[] = []
  for (const one of coming) {
    const tarball = await fetchListed(host, catalog, one.candidate, one.options)
    const decision = await unlessHere(() => decideOn(host, tarball, one.options))
    held.keep(one.candidate.name, { tarball, listed: one.candidate })
    ready.push({ ...one, decision })
  }
  return ready
}

async function unlessHere<T>(work: () => Promise<T>): Promise<T | Here> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StoreError && error.code === 'ALREADY_INSTALLED') return { kind: 'here' }
    throw error
  }
}

/**
 * Those that one or more of the others need are in one group with them; so are those of which one could not be installed beside
 * what is here of the other.
 */
async function groupsOf({ store }: Host, ready: readonly Ready[]): Promise<Ready[][]> {
  const rules = await versionRules()
  const present = new Map(store.list().map(({ name, requires }) => [name, requires]))
  const needs = (one: Ready, other: Ready) => Object.hasOwn(one.candidate.requires, other.candidate.name)
  const isLeftBehind = (one: Ready, { candidate: { name, version } }: Ready) => {
    const before = present.get(one.candidate.name) ?? {}
    return Object.hasOwn(before, name) && !rules.satisfies(version, before[name] ?? '*')
  }
  let groups: Ready[][] = []
  for (const one of ready) {
    const joined = groups.filter((group) =>
      group.some((other) => needs(one, other) || isLeftBehind(one, other) || isLeftBehind(other, one)),
    )
    groups = [...groups.filter((group) => !joined.includes(group)), [...joined.flat(), one]]
  }
  return groups
}

/** `null`: everything about them was agreed to. */
function waitingAmong(group: readonly Ready[]): Map<PluginName, Arrival> | null {
  for (const { candidate, decision } of group)
    if (decision?.kind === 'waits') return left(group, candidate.name, decision)
  return null
}

/** Nothing is done to any of them. */
function left(group: readonly Ready[], name: PluginName, waits: Waiting): Map<PluginName, Arrival> {
  const arrivalOf = ({ candidate, decision }: Ready): Arrival => {
    if (candidate.name === name) return waits
    return decision?.kind === 'waits' ? decision : { kind: 'stays', for: name }
  }
  return new Map(group.map((one) => [one.candidate.name, arrivalOf(one)]))
}

async function bringGroup(
  { host, catalog, held }: Delivery,
  group: readonly Ready[],
  stands: InstallReport[],
): Promise<Map<PluginName, Arrival>> {
  const came: Came[] = []
  for (const one of group) {
    const { candidate, options, decision } = one
    let waits: Waiting
    try {
      const tarball = held.take(candidate.name)?.tarball ?? (await fetchListed(host, catalog, candidate, options))
      const past = pastOf(host, candidate.name)
      const admitting = { ...options, mayGoBack: group.length > 1 }
      const assent = decision?.kind === 'agreed' ? decision : null
      const admission = await unlessHere(() => admit(host, tarball, admitting, assent))
      if (admission.kind === 'installed') came.push({ ...admission.report, past, placed: admission.placed })
      if (admission.kind !== 'waits') continue
      waits = admission
    } catch (error) {
      throw told(error, stands, await takeBack(host, came))
    }
    // What is installed, or trusted, is another than when it was decided on.
    const back = await takeBack(host, came)
    const [stuck] = back.stays
    if (stuck !== undefined) throw told(stuck.error, stands, back)
    return left(group, candidate.name, waits)
  }
  if (group.length > 1) await letStand(host, came)
  stands.push(...came)
  const reports = new Map(came.map(({ past: _, placed: __, ...report }) => [report.name, report]))
  return new Map(group.map(({ candidate: { name } }) => [name, arrivalOf(reports.get(name))]))
}

const arrivalOf = (report: InstallReport | undefined): Arrival =>
  report === undefined ? { kind: 'here' } : { kind: 'installed', report }

function told(error: unknown, stands: readonly InstallReport[], { undone, stays }: WayBack): unknown {
  if (stands.length + undone.length + stays.length === 0) return error
  const said = [
    sentence(error),
    ...(undone.length === 0 ? [] : [`taken back with it: ${undone.map(shown).join(', ')}`]),
    ...stays.map((stay) => `${shown(stay.one)} stays, because it could not be taken back (${sentence(stay.error)})`),
    ...(stands.length === 0 ? [] : [`done before that: ${stands.map(shown).join(', ')}`]),
  ]
  const known = error instanceof PluginError ? error : null
  const versions = (of: readonly InstallReport[]) => of.map(({ name, version }) => ({ name, version }))
  const done = versions([...stands, ...stays.map(({ one }) => one)])
  return new PluginError(known?.code ?? 'INTERNAL', said.join('; '), {
    cause: error,
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    details: { ...known?.details, done, undone: versions(undone) },
  })
}

const shown = ({ name, version }: InstallReport): string => `${name} ${version}`

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))
