import type { ErrorCode } from './error-codes.ts'
import { PluginError } from './errors.ts'
import type { Candidate, Link, PassedOver, Present, ResolutionRequest } from './resolution.ts'
import { type DeadEnd, NOTHING_NEEDED, TRIALS_MAX } from './resolution-search.ts'
import type { VersionRules } from './version-range.ts'

/** Versions named in one sentence. */
const SHOWN_MAX = 6
/** A sentence of a fault, and what to do about it. */
interface Explanation {
  readonly code: ErrorCode
  readonly why: string
  readonly hint: string
}

interface Situation extends ResolutionRequest<Candidate> {
  readonly rules: VersionRules
}

/** What stopped the newest versions: that is where whoever asked has to begin. What else was met is in `details`. */
export function faultOf(
  request: ResolutionRequest<Candidate>,
  deadEnds: readonly DeadEnd[],
  rules: VersionRules,
): PluginError {
  const [first, ...others] = deadEnds
  if (first === undefined) throw new TypeError('a resolution that found nothing has met a dead end')
  const situation = { ...request, rules }
  const { code, why, hint } = explain(situation, first)
  const causes = others
    .filter((one) => !isConsequence(situation, one))
    .map((one) => `${one.name}: ${explain(situation, one).why}`)
  const fault = `${list(askedIn(request, first))}: ${why}`
  return new PluginError(code, `cannot get ${fault}`, {
    hint,
    details: { faults: [...new Set([fault, ...causes])], name: first.name },
  })
}

/** It was given up for what it needs, which has a dead end of its own. */
function isConsequence(situation: Situation, end: DeadEnd): boolean {
  const found = inRange(situation, end)
  return end.cycle === null && found.length > 0 && found.every(({ reason }) => reason === NOTHING_NEEDED)
}

export function undecided(
  request: ResolutionRequest<Candidate>,
  deadEnds: readonly DeadEnd[],
  rules: VersionRules,
): PluginError {
  const [first] = deadEnds
  const named = request.wanted.map(({ name }) => name).sort()
  return new PluginError(
    'DEPENDENCY_UNDECIDED',
    `cannot choose versions for ${list(named)}: nothing was found that goes together after ${TRIALS_MAX} tries, or too many plugins are needed`,
    {
      hint: 'name exact versions of what is wanted, so that there is less to choose from',
      details: first === undefined ? {} : { faults: [`${first.name}: ${explain({ ...request, rules }, first).why}`] },
    },
  )
}

/** Of what was asked for, that which led there, as it was asked for. */
function askedIn({ wanted }: ResolutionRequest<Candidate>, { name, needs }: DeadEnd): string[] {
  const roots = new Set<string>([name, ...needs.flatMap(({ chain }) => chain.slice(0, 1).map((link) => link.name))])
  const found = wanted.filter((one) => roots.has(one.name))
  const shown = found.map((one) => `${one.name}${one.range === null ? '' : `@${one.range}`}`)
  return shown.length === 0 ? [name] : [...new Set(shown)].sort()
}

function explain(request: Situation, end: DeadEnd): Explanation {
  const { name, versions, cycle } = end
  const locked = request.locked.get(name)
  if (cycle !== null) return circle(request, cycle)
  if (versions.length === 0) {
    const hint = 'add a registry that has it (plugins registry add), or install its tarball first'
    return { code: 'DEPENDENCY_MISSING', why: unlisted(end), hint }
  }
  if (locked !== undefined && !versions.includes(locked)) {
    const why = `the lock file has ${name} ${locked}, which no registry lists; there ${are(versions)}`
    return { code: 'DEPENDENCY_MISSING', why, hint: LOCK_HINT }
  }
  return fixed(request, end, locked) ?? blocked(request, end) ?? unfit(request, end)
}

const LOCK_HINT = 'plugins sync --write writes the lock file anew, once this host is as it should be'

/** Told from what was asked for, if that is in it. */
function circle({ wanted }: ResolutionRequest<Candidate>, cycle: NonNullable<DeadEnd['cycle']>): Explanation {
  const at = cycle.findIndex((one) => wanted.some(({ name }) => name === one.name))
  const turned = at < 0 ? cycle : [...cycle.slice(at), ...cycle.slice(0, at)]
  const way = [...turned.map((one) => `${one.name} ${one.version}`), turned[0]?.name].join(' → ')
  const why = `these need each other in a circle: ${way}`
  return { code: 'DEPENDENCY_CYCLE', why, hint: 'only their publishers can break it' }
}

function unlisted({ name, needs }: DeadEnd): string {
  const [need] = needs
  if (need === undefined || need.chain.length === 0) return `no registry lists ${name}`
  return `no registry lists ${name}, which ${shown(need.chain)} needs (${need.range})`
}

/** Held or locked: that is somebody's word on this host, and the first thing to be told. */
function fixed(request: Situation, end: DeadEnd, locked: string | undefined): Explanation | null {
  const { name, rejected } = end
  const present = presentOf(request, name)
  const code = 'DEPENDENCY_CONFLICT'
  if (present?.held === true && rejected.some(({ reason }) => reason.startsWith('it is held'))) {
    const it = isAskedAlone(end) ? 'it' : name
    return { code, why: `${needed(end)}${it} is held at ${present.version}`, hint: `plugins unhold ${name}` }
  }
  if (locked === undefined) return null
  return { code, why: `${needed(end)}the lock file has ${name} ${locked}`, hint: LOCK_HINT }
}

/** What is installed stands in the way: what needs another version of it, or that it would have to be made older. */
function blocked(request: Situation, end: DeadEnd): Explanation | null {
  const { name, dependents } = end
  const code = 'DEPENDENCY_CONFLICT'
  const [dependent] = dependents
  if (dependent !== undefined) {
    // In the order of their names, as everything here: not in that in which this host came to have them.
    const others = dependents.flatMap((one) => presentOf(request, one) ?? [])
    const obstacles = others.map(
      (one) => `${one.name} ${one.version}, which is installed, needs ${name} ${one.requires[name]}`,
    )
    const together = [...askedIn(request, end), ...dependents].map(word).join(' ')
    const hint = `another version of ${dependent} may go with it: plugins install ${together}; or plugins remove ${dependent}`
    return { code, why: `${needed(end)}${obstacles.slice(0, SHOWN_MAX).join(', ')}`, hint }
  }
  const present = presentOf(request, name)
  const older = inRange(request, end).find(({ reason }) => reason.startsWith('it is older'))
  if (present === undefined || older === undefined || isAskedAlone(end)) return null
  const why = `${needed(end)}${present.version} is installed, which no other plugin makes older`
  return {
    code,
    why,
    hint: `plugins update ${name} --to ${older.version} --allow-downgrade, if nothing else needs it newer`,
  }
}

/** Rejected for something else than for what is needed of it. */
function inRange({ rules }: Situation, { needs, rejected }: DeadEnd): PassedOver[] {
  const fits = (version: string) => needs.every(({ range }) => rules.satisfies(version, range))
  return rejected.filter(({ version, reason }) => fits(version) || reason.startsWith('it is a version before'))
}

/** One that each of them could have had alone is a conflict between them; else there is no such version. */
function unfit(request: Situation, end: DeadEnd): Explanation {
  const { name, needs, rejected, versions } = end
  const present = presentOf(request, name)
  const others = inRange(request, end)
  const outside = rejected.filter((one) => !others.includes(one)).map(({ version }) => version)
  const between = needs.length > 1 && outside.length > 0
  const deeper = others.some(({ reason }) => reason === NOTHING_NEEDED || /^it needs \S+\/\S+ /.test(reason))
  const code = between || deeper ? 'DEPENDENCY_CONFLICT' : 'DEPENDENCY_MISSING'
  const marked = (all: readonly string[]) => all.map((one) => (one === present?.version ? `${one} (installed)` : one))
  const hint = between
    ? `see what there is, and ask for other ranges: ${rootsOf(end)
        .map((one) => `plugins info ${one} --versions`)
        .join(', ')}`
    : `plugins info ${name} --versions`
  if (others.length > 0) {
    const besides = outside.length === 0 ? '' : `; besides there ${are(marked(outside))}`
    return {
      code,
      why: `${needed(end)}no version can be taken (${tried(others)})${besides}`,
      hint: exactly(end, others, present) ?? hint,
    }
  }
  const none = spoken(needs).length > 1 ? 'no version is in all of these' : 'there is no such version'
  return { code, why: `${needed(end)}${none}; there ${are(marked(versions))}`, hint }
}

/** What nobody takes by a range can still be had. */
function exactly({ name, needs }: DeadEnd, others: readonly PassedOver[], present: Present | undefined): string | null {
  const found = others.find(
    ({ reason }) => reason.startsWith('it was yanked') || reason.startsWith('it is a version before'),
  )
  if (found === undefined || needs.some(({ chain }) => chain.length > 0)) return null
  const command = present === undefined ? `install ${name}@${found.version}` : `update ${name} --to ${found.version}`
  return `plugins ${command} takes exactly that version`
}

/** Which plugins to ask for in another version: what was asked for, and led there. */
const rootsOf = ({ name, needs }: DeadEnd): string[] => [...new Set(needs.map(({ chain }) => chain[0]?.name ?? name))]

const presentOf = ({ installed }: ResolutionRequest<Candidate>, name: string): Present | undefined =>
  installed.find((one) => one.name === name)

/** Without those that any version fulfils, where others do not. */
function spoken(needs: DeadEnd['needs']): DeadEnd['needs'] {
  const narrow = needs.filter(({ range }) => range !== '*')
  return narrow.length === 0 ? needs.slice(0, 1) : narrow
}

const isAskedAlone = ({ needs }: DeadEnd): boolean => spoken(needs).every(({ chain }) => chain.length === 0)

/** The first half of the sentence: who needs what of it. What was asked for itself is said already. */
function needed({ name, needs }: DeadEnd): string {
  const all = spoken(needs)
  const [first] = all
  if (first === undefined || (all.length === 1 && first.chain.length === 0)) return ''
  if (all.length === 1) return `${shown(first.chain)} needs ${name} ${first.range}, and `
  const parts = all
    .slice(0, SHOWN_MAX)
    .map(({ chain, range }) => (chain.length === 0 ? `${range}, as was asked for` : `${range} for ${shown(chain)}`))
  return `${name} must be ${parts.join(', and ')}, and `
}

/** Versions with the same reason in one breath. */
function tried(rejected: readonly PassedOver[]): string {
  const byReason = new Map<string, string[]>()
  for (const { version, reason } of rejected) byReason.set(reason, [...(byReason.get(reason) ?? []), version])
  const parts = [...byReason].slice(0, SHOWN_MAX).map(([reason, versions]) => `${list(versions)}: ${reason}`)
  return byReason.size > SHOWN_MAX ? `${parts.join('; ')}; and so on` : parts.join('; ')
}

/** As a shell takes it. */
const word = (text: string): string => (/^[\w./@-]+$/.test(text) ? text : `'${text}'`)

const shown = (chain: readonly Link[]): string => chain.map(({ name, version }) => `${name} ${version}`).join(' → ')

const are = (versions: readonly string[]): string => `${versions.length === 1 ? 'is' : 'are'} ${list(versions)}`

function list(values: readonly string[]): string {
  const more = values.length - SHOWN_MAX
  return `${values.slice(0, SHOWN_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
