import type { PreloadConfig } from '../../core/config.ts'
import type { Manifest } from '../../core/manifest.ts'
import type { Bind } from '../interpreter.ts'
import type { PlanInput } from '../plan.ts'

/** What of a run is preloaded: modules that a parent has imported, of which the run is a copy. */
export interface PreloadPlan {
  /** In the manifest's order; empty: the run is started cold. */
  readonly modules: readonly string[]
  /** Why it is started cold although its manifest names modules. */
  readonly reason: string | null
  /** The parent's own limit. */
  readonly memoryBytes: number
  /** All that a parent sees of the host: what the interpreter needs. */
  readonly binds: readonly Bind[]
  /** Its folder, once there is one: then the run comes out of it. */
  readonly parent: string | null
}

const COLD: PreloadPlan = { modules: [], reason: null, memoryBytes: 0, binds: [], parent: null }

/** The same run from a cold start, and why. */
export const startedCold = (reason: string): PreloadPlan => ({ ...COLD, reason })

/** What the manifest wants and the operator lists. */
export function listedOf({ entry }: Pick<Manifest, 'entry'>, { python }: PreloadConfig): readonly string[] {
  if (entry.runtime !== 'python') return []
  return [...new Set(entry.preload)].filter((module) => python.includes(module))
}

/** Pure. A run that cannot be preloaded with every layer in place is started cold, which is no failure. */
export function planPreload(input: PlanInput): PreloadPlan {
  const { manifest, interpreter, preload } = input
  if (manifest.entry.preload.length === 0) return COLD
  if (interpreter.kind !== 'python') return startedCold('only Python plugins are preloaded')
  const modules = preload === undefined ? [] : listedOf(manifest, preload)
  if (preload === undefined || modules.length === 0) {
    return startedCold('preload.python in config.json lists none of what the manifest names')
  }
  const reason = whyCold(input)
  if (reason !== null) return startedCold(reason)
  return { modules, reason: null, memoryBytes: preload.memoryBytes, binds: interpreter.binds, parent: null }
}

function whyCold({ ids, cgroups, engine, weaker, reportDenials, procMasked }: PlanInput): string | null {
  if (ids.mode !== 'root') return 'an ordinary user cannot give a parent and its copies what each of them needs'
  if (engine !== undefined && engine.name !== 'native') return `${engine.name} builds its sandbox`
  const [layer = cgroups.missing.find(({ limit }) => limit !== 'io')?.limit] = weaker
  if (layer !== undefined) return `it goes without the layer ${layer}`
  if (reportDenials) return 'what it is denied is reported'
  if (cgroups.cgroup2 === null) return 'no cgroup v2 hierarchy is mounted, and a copy is cloned into a leaf of one'
  if (procMasked) return '/proc is masked here, and the parent of a sandbox needs one of its own'
  return null
}
