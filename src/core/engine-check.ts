import { printable } from './printable.ts'
import { isVersionRange, type VersionRules } from './version-range.ts'

/** What a manifest, or a listing of one, asks of a host. */
export interface EngineNeeds {
  readonly engines: Readonly<Record<string, string | undefined>>
  /** Left out or `null`: any. */
  readonly platforms?: readonly string[] | null | undefined
}

/** What a host has. `null`: it has none that a plugin could be run on. Looked up only where a manifest names it. */
export interface EnginesHere {
  /** `linux/amd64`. */
  readonly platform: string
  /** The version of what a plugin meets inside, not that of the package. */
  readonly bulkhead: string
  readonly node: string | null
  readonly python: string | null
}

export interface EngineFault {
  readonly what: 'platform' | 'engine'
  /** `it needs node >=26, this host has 24.21.0` */
  readonly sentence: string
}

const ENGINES = ['bulkhead', 'node', 'python'] as const
type Engine = (typeof ENGINES)[number]
const isKnown = (name: string): name is Engine => (ENGINES as readonly string[]).includes(name)

/**
 * Why a plugin cannot be run here. Every engine that it names counts, whether its entry runs on that one or a hook or nothing
 * does: it says that it needs it. What is not known is not fulfilled.
 */
export function engineFaults(
  { engines, platforms = null }: EngineNeeds,
  here: EnginesHere,
  rules: VersionRules,
): EngineFault[] {
  const faults: EngineFault[] = []
  if (platforms !== null && !platforms.includes(here.platform)) {
    const named = printable(platforms.join(', '))
    faults.push({ what: 'platform', sentence: `it is made for ${named}, this host is ${here.platform}` })
  }
  for (const [name, range] of Object.entries(engines)) {
    if (range === undefined) continue
    const found = isKnown(name) ? here[name] : null
    if (found !== null && isVersionRange(range) && rules.satisfies(found, range)) continue
    const has = found ?? (isKnown(name) ? 'none that can be used' : 'none')
    faults.push({
      what: 'engine',
      sentence: `it needs ${printable(name, 40)} ${printable(range, 100)}, this host has ${has}`,
    })
  }
  return faults
}
