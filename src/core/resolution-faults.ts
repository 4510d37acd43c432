import type { ErrorCode } from './error-codes.ts'
import { PluginError } from './errors.ts'
import type { Candidate, Link, PassedOver, Present, ResolutionRequest } from './resolution.ts'
import { type DeadEnd, TRIALS_MAX } from './resolution-search.ts'

/** Versions named in one sentence. */
const SHOWN_MAX = 6
/** A sentence of a fault, and what to do about it. */
interface Explanation {
  readonly code: ErrorCode
  readonly why: string
  readonly hint: string
}

/** What stopped the newest versions: that is where whoever asked has to begin. The other dead ends are in `details`. */
export function faultOf(request: ResolutionRequest<Candidate>, deadEnds: readonly DeadEnd[]): PluginError {
  const [first] = deadEnds
  if (first === undefined) throw new TypeError('a resolution that found nothing has met a dead end')
  const { code, why, hint } = explain(request, first)
  return new PluginError(code, `cannot ${subject(request, first)}: ${why}`, {
    hint,
    details: { faults: deadEnds.map((one) => `${one.name}: ${explain(request, one).why}`), name: first.name },
  })
}

export function undecided(request: ResolutionRequest<Candidate>, deadEnds: readonly DeadEnd[]): PluginError {
  const [first] = deadEnds
  const named = request.wanted.map(({ name }) => name).sort()
  return new PluginError(
    'DEPENDENCY_UNDECIDED',
    `cannot choose versions for ${list(named)}: nothing was found that goes together after ${TRIALS_MAX} tries, or too many plugins are needed`,
    {
      hint: 'name exact versions of what is wanted, so that there is less to choose from',
      details: first === undefined ? {} : { faults: [`${first.name}: ${explain(request, first).why}`] },
    },
  )
}

function subject({ wanted, installed }: ResolutionRequest<Candidate>, { name, needs }: DeadEnd): string {
  const root =
    needs.find(({ chain }) => chain.length > 0)?.chain[0]?.name ?? wanted.find((one) => one.name === name)?.name
  const asked = root ?? name
  return `${installed.some((one) => one.name === asked) ? 'update' : 'install'} ${asked}`
}

function explain(request: ResolutionRequest<Candidate>, end: DeadEnd): Explanation {
  const { name, versions, cycle } = end
  const present = request.installed.find((one) => one.name === name)
  const locked = request.locked.get(name)
  if (cycle !== null) {
    const way = [...cycle.map((one) => `${one.name} ${one.version}`), cycle[0]?.name].join(' → ')
    return { code: 'DEPENDENCY_CYCLE', why: `${way} is a cycle`, hint: 'only their publishers can break it' }
  }
  if (versions.length === 0) return { code: 'DEPENDENCY_MISSING', why: unlisted(end), hint: `plugins search ${name}` }
  if (locked !== undefined && !versions.includes(locked)) {
    const why = `the lock file has ${name} ${locked}, which no registry lists; there ${are(versions)}`
    return { code: 'DEPENDENCY_MISSING', why, hint: LOCK_HINT }
  }
  return fixed(end, present, locked) ?? blocked(end, present) ?? unfit(end)
}

const LOCK_HINT = 'plugins sync --write writes the lock file anew, once this host is as it should be'

function unlisted({ name, needs }: DeadEnd): string {
  const [need] = needs
  if (need === undefined || need.chain.length === 0) return `no registry lists ${name}`
  return `no registry lists ${name}, which ${shown(need.chain)} needs (${need.range})`
}

/** Held or locked: that is somebody's word on this host, and the first thing to be told. */
function fixed(end: DeadEnd, present: Present | undefined, locked: string | undefined): Explanation | null {
  const { name, rejected } = end
  if (present?.held === true && rejected.some(({ reason }) => reason.startsWith('it is held'))) {
    const why = `${name} is held at ${present.version}, and ${needed(end)}; ${tried(end)}`
    return { code: 'DEPENDENCY_CONFLICT', why, hint: `plugins unhold ${name}` }
  }
  if (locked === undefined) return null
  const why = `the lock file has ${name} ${locked}, and ${needed(end)}; ${tried(end)}`
  return { code: 'DEPENDENCY_CONFLICT', why, hint: LOCK_HINT }
}

/** What is installed stands in the way: what needs another version of it, or that it would have to be made older. */
function blocked(end: DeadEnd, present: Present | undefined): Explanation | null {
  const { name, dependents, rejected } = end
  const [dependent] = dependents
  const why = `no version of ${name} is good for all: ${needed(end)}; ${tried(end)}`
  if (dependent !== undefined) {
    const hint = `plugins update ${dependent} first, if there is a version of it that goes with it; or plugins remove ${dependent}`
    return { code: 'DEPENDENCY_CONFLICT', why, hint }
  }
  if (present === undefined || !rejected.some(({ reason }) => reason.startsWith('it is older'))) return null
  if (end.needs.every(({ chain }) => chain.length === 0)) return null
  const hint = `a plugin is made older by its name alone: plugins update ${name} --to VERSION --allow-downgrade`
  return { code: 'DEPENDENCY_CONFLICT', why, hint }
}

/** One that each of them could have had alone is a conflict between them; else there is no such version. */
function unfit(end: DeadEnd): Explanation {
  const { name, needs, rejected, versions } = end
  const between = needs.length > 1 && rejected.some(({ reason }) => isOfOthers(reason))
  const deeper = rejected.some(({ reason }) => reason.startsWith('it needs') || reason.startsWith('what it needs'))
  if (between || deeper) {
    const why = `no version of ${name} is good for all: ${needed(end)}; ${tried(end)}`
    return {
      code: 'DEPENDENCY_CONFLICT',
      why,
      hint: `plugins info ${name} shows its versions; ask for others by range`,
    }
  }
  const [need] = needs
  const by = need === undefined || need.chain.length === 0 ? 'is asked for' : `${shown(need.chain)} needs`
  const why = `no version of ${name} can be taken in ${need?.range ?? '*'}, which ${by}; there ${are(versions)}; ${tried(end)}`
  return { code: 'DEPENDENCY_MISSING', why, hint: `plugins info ${name} shows its versions` }
}

const isOfOthers = (reason: string): boolean => / needs /.test(reason) || / was asked for$/.test(reason)

function needed({ needs }: DeadEnd): string {
  return needs
    .slice(0, SHOWN_MAX)
    .map(({ chain, range }) => (chain.length === 0 ? `${range} is asked for` : `${shown(chain)} needs ${range}`))
    .join(', ')
}

/** Versions with the same reason in one breath. */
function tried({ rejected }: { readonly rejected: readonly PassedOver[] }): string {
  const byReason = new Map<string, string[]>()
  for (const { version, reason } of rejected) byReason.set(reason, [...(byReason.get(reason) ?? []), version])
  const parts = [...byReason].slice(0, SHOWN_MAX).map(([reason, versions]) => `not ${list(versions)}: ${reason}`)
  return byReason.size > SHOWN_MAX ? `${parts.join('; ')}; and so on` : parts.join('; ')
}

const shown = (chain: readonly Link[]): string => chain.map(({ name, version }) => `${name} ${version}`).join(' → ')

const are = (versions: readonly string[]): string => `${versions.length === 1 ? 'is' : 'are'} ${list(versions)}`

function list(values: readonly string[]): string {
  const more = values.length - SHOWN_MAX
  return `${values.slice(0, SHOWN_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
