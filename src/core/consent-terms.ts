import { isMore, UNASKED_RUNS, type UnaskedRun } from './agreement.ts'
import type { LimitName, LimitRequest } from './limits.ts'
import type { PluginName } from './name.ts'
import { patternsFor } from './name-pattern.ts'
import { covers } from './network-cover.ts'
import { PROTOCOLS, type Protocol, RUNTIMES, type Runtime } from './runtimes.ts'
import { orNull, type Widening } from './widening.ts'

/** What somebody has agreed to beforehand: by `--grant`, or by a policy for automation. */
export interface ConsentTerms {
  readonly network: readonly string[]
  readonly read: readonly string[]
  readonly env: readonly string[]
  /** Up to so much; what is not named here is agreed to as it was. */
  readonly limits: LimitRequest
  readonly hooks: readonly UnaskedRun[]
  readonly runtimes: readonly Runtime[]
  readonly protocols: readonly Protocol[]
  /** Another publisher, and lost provenance. Never that nobody signed it. */
  readonly publisherChange: boolean
}

/** By pattern of plugin names. */
export type ConsentPolicy = Readonly<Record<string, ConsentTerms>>

export interface ChosenTerms {
  readonly pattern: string
  readonly terms: ConsentTerms
}

/** The one entry that decides about a name, as in `trust.json`: the most exact, and nothing of the others. */
export function termsFor(policy: ConsentPolicy, name: PluginName): ChosenTerms | null {
  for (const pattern of patternsFor(name)) {
    const terms = Object.hasOwn(policy, pattern) ? policy[pattern] : undefined
    if (terms !== undefined) return { pattern, terms }
  }
  return null
}

/** What these terms do not agree to; `null`: they agree to all of it. */
export function uncovered(widening: Widening, terms: ConsentTerms): Widening | null {
  const { permissions, limits, publisher, provenance, hooks, protocol, runtime } = widening
  return orNull({
    permissions: {
      network: permissions.network.filter((to) => !terms.network.some((agreed) => covers(agreed, to))),
      read: permissions.read.filter((path) => !terms.read.includes(path)),
      env: permissions.env.filter((name) => !terms.env.includes(name)),
    },
    limits: limits.filter(({ limit, after }) => !allows(terms.limits, limit, after)),
    publisher: terms.publisherChange ? null : publisher,
    provenance: terms.publisherChange ? provenance.filter(({ kind }) => kind === 'signature') : provenance,
    hooks: hooks.filter((hook) => !terms.hooks.includes(hook)),
    protocol: protocol !== null && terms.protocols.includes(protocol.after) ? null : protocol,
    runtime: runtime !== null && terms.runtimes.includes(runtime.after) ? null : runtime,
  })
}

function allows(terms: LimitRequest, limit: LimitName, value: number): boolean {
  const most = terms[limit]
  return most !== undefined && !isMore(limit, value, most)
}

export const NO_TERMS: ConsentTerms = {
  network: [],
  read: [],
  env: [],
  limits: {},
  hooks: [],
  runtimes: [],
  protocols: [],
  publisherChange: false,
}

export const isUnaskedRun = (text: string): text is UnaskedRun => UNASKED_RUNS.some((known) => known === text)
export const isRuntime = (text: string): text is Runtime => RUNTIMES.some((known) => known === text)
export const isProtocol = (text: string): text is Protocol => PROTOCOLS.some((known) => known === text)
