// All attacks in one mode: first with every layer, then each without the layers that it tests.

import { FIXED } from '../../../src/core/engines.ts'
import { PluginError } from '../../../src/core/errors.ts'
import { isLayer } from '../../../src/core/layers.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { SLOW } from '../../helpers/patience.ts'
import type { Layer } from '../../runtime/launcher/launch.ts'
import { type Attack, layersOf, type Mode } from './attack.ts'
import { ATTACKS } from './catalogue.ts'
import type { Lack } from './host.ts'
import { Victims } from './victims.ts'
import { outlivesCaller, survivorsAfter, survivorsOf } from './witnesses.ts'
import type { Yard } from './yard.ts'

/** `true`: as it has to be. `null`: it was not tried, and the words say why. */
export interface Side {
  readonly as: boolean | null
  readonly words: string
}

/** One attack in one mode: stopped with every layer, and through without those that it tests. */
export interface Finding {
  readonly attack: string
  readonly mode: Mode
  readonly contained: Side
  readonly loose: Side
}

const untried = (words: string): Side => ({ as: null, words })

export async function campaign(yard: Yard, mode: Mode): Promise<Finding[]> {
  return findingsOf(mode, await contain(yard, mode), await loosen(yard, mode))
}

type Sides = ReadonlyMap<string, Side>

/** Every attack with every layer. */
export const contain = async (yard: Yard, mode: Mode): Promise<Sides> =>
  await among(yard, (victims) => side(yard, victims, (attack) => whyNotContained(attack, mode, yard), []))

/** Every attack without the layers that it tests. */
export const loosen = async (yard: Yard, mode: Mode): Promise<Sides> =>
  await among(yard, (victims) => side(yard, victims, (attack) => whyNotLoose(attack, mode, yard), null))

export const findingsOf = (mode: Mode, contained: Sides, loose: Sides): Finding[] =>
  ATTACKS.map(({ name }) => ({
    attack: name,
    mode,
    contained: contained.get(name) as Side,
    loose: loose.get(name) as Side,
  }))

async function among(yard: Yard, work: (victims: Victims) => Promise<Sides>): Promise<Sides> {
  const victims = new Victims(yard)
  try {
    return await work(victims)
  } finally {
    await victims.close()
  }
}

function whyNotContained({ not, layer, language, witness }: Attack, mode: Mode, yard: Yard): string | null {
  if (mode === 'preload' && language === 'node') return 'only Python plugins are preloaded'
  if (mode === 'preload' && witness === 'orphan') return 'a run that is handed over is started cold'
  if (language !== 'c' && IS_EMULATED) return LEFT
  if (not[mode] !== undefined) return not[mode]
  return yard.weaker.includes(layer) ? `this caller has no cgroup for ${layer}` : null
}

function whyNotLoose(attack: Attack, mode: Mode, yard: Yard): string | null {
  if (attack.loose === null) return attack.unswitched ?? 'nothing stops it but the kernel'
  const refused = whyNotContained(attack, mode, yard) ?? attack.onlyContained[mode]
  if (refused !== undefined) return refused
  if (attack.needs !== undefined && yard.host.lacks.includes(attack.needs)) return LACKS[attack.needs]
  const layers = layersOf(attack)
  if (mode === 'preload') {
    const made = layers.find((layer) => OF_PARENT.includes(layer))
    return made === undefined ? null : `its parent sees to ${made}`
  }
  if (mode === 'rootless') return layers.includes('user-namespace') ? 'a user namespace cannot be given up' : null
  if (mode === 'root') return null
  const fixed = layers.find((layer) => !isLayer(layer) || FIXED[mode].includes(layer))
  return fixed === undefined ? null : `every container has ${fixed}`
}

/**
 * What a copy has because of how its parent makes it, whatever its specification says: ids and namespaces by one clone;
 * no-new-privs, which is handed down; a /proc no roomier than the parent's; and nothing that its caller left open.
 */
const OF_PARENT: readonly Layer[] = [
  'uid',
  'user-namespace',
  'mount-namespace',
  'pid-namespace',
  'net-namespace',
  'ipc-namespace',
  'uts-namespace',
  'cgroup-namespace',
  'no-new-privs',
  'proc',
  'descriptors',
]

/** There the program in C shows each layer. BULKHEAD_ATTACKS=all tries the others too: minutes more. */
const IS_EMULATED = SLOW >= 4 && process.env.BULKHEAD_ATTACKS !== 'all'
const LEFT = 'left to a faster machine: an interpreter takes seconds to start here'

const LACKS: Readonly<Record<Lack, string>> = {
  route: 'this host has no network either',
  keys: 'this kernel has no keyrings',
  queues: 'this kernel has no POSIX queues',
  cachestat: 'this kernel has no such call',
  'calls-of-32-bit': 'this kernel has no 32-bit calls',
}

/** Attacks that can share a run: the same program, without the same layers. */
function together(attacks: readonly Attack[], without: readonly [] | null): Attack[][] {
  const groups = new Map<string, Attack[]>()
  for (const attack of attacks) {
    const layers = without ?? layersOf(attack)
    const key = attack.alone ? attack.name : `${attack.language} ${layers.join(' ')}`
    groups.set(key, [...(groups.get(key) ?? []), attack])
  }
  return [...groups.values()]
}

async function side(
  yard: Yard,
  victims: Victims,
  whyNot: (attack: Attack) => string | null,
  without: readonly [] | null,
): Promise<Map<string, Side>> {
  const sides = new Map<string, Side>()
  const tried: Attack[] = []
  for (const attack of ATTACKS) {
    const reason = whyNot(attack)
    if (reason === null) tried.push(attack)
    else sides.set(attack.name, untried(reason))
  }
  for (const group of together(tried, without)) {
    const [first] = group as [Attack]
    const layers = without ?? layersOf(first)
    const answers = await (without === null ? looseAnswersOf : answersOf)(yard, victims, group, layers)
    for (const [index, attack] of group.entries()) {
      const pattern = without === null ? attack.loose : attack.contained
      const answer = answers[index]
      if (answer === undefined) throw new Error(`${attack.name}: no answer was made of a run`)
      sides.set(
        attack.name,
        typeof answer === 'string' ? { as: pattern?.test(answer) ?? false, words: answer } : answer,
      )
    }
  }
  return sides
}

/** What succeeds without its layer may bring the run down: those that came after it have another one, as long as one answers. */
async function looseAnswersOf(
  yard: Yard,
  victims: Victims,
  group: readonly Attack[],
  without: Attack['also'],
): Promise<(string | Side)[]> {
  const answers = await answersOf(yard, victims, group, without)
  const answered = answers.findIndex(isUnanswered)
  if (answered <= 0) return answers
  return [...answers.slice(0, answered), ...(await looseAnswersOf(yard, victims, group.slice(answered), without))]
}

const UNANSWERED = 'the run ended first'
const isUnanswered = (answer: string | Side): boolean => typeof answer === 'string' && answer.startsWith(UNANSWERED)

async function answersOf(
  yard: Yard,
  victims: Victims,
  group: readonly Attack[],
  without: Attack['also'],
): Promise<(string | Side)[]> {
  const [{ language, alone, witness, profile }] = group as [Attack]
  try {
    if (witness === 'orphan') return [await outlivesCaller(yard, language, ['alone', 'deaf'], without)]
    const victim = await victims.of(language)
    const told = group.map(({ words }) => words.map((word) => factOf(word, { ...yard.host.values, victim })))
    const words = alone
      ? ['alone', ...(told[0] ?? [])]
      : ['each', ...told.flatMap((one, i) => (i === 0 ? one : ['--', ...one]))]
    const { run, ended } = await yard.start(language, words, { without, profile })
    // Seen as soon as the run's first process has ended: with survivors in its cgroups a launcher waits for long.
    if (witness === 'survivors' && without.length > 0)
      return [await survivorsAfter(run, yard.uidOf(language), victims.pids, ended)]
    const { outcome, stdout, stderr } = await ended
    if (witness === 'survivors') return [survivorsOf(yard.uidOf(language), victims.pids)]
    if (witness === 'victim') return [(await victims.isDead(language)) ? 'yes' : 'no']
    if (alone) return [`${stdout.trim().replaceAll('\n', '|')} ${endOf(outcome)}`.trim()]
    const lines = new Map(stdout.split('\n').map((line) => line.split(/\t(.*)/s) as [string, string]))
    return group.map((_, index) => lines.get(String(index)) ?? `${UNANSWERED} ${endOf(outcome)} ${stderr.slice(-300)}`)
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
    // What this host cannot run at all is said; a layer that cannot be switched off as the table has it is a fault of the table.
    if (without.length > 0) return group.map(() => `not run: ${error.message}`)
    return group.map(() => untried(error.message))
  }
}

/** A word that names a fact of the host, or has one in it. */
const factOf = (word: string, facts: Readonly<Record<string, string>>): string =>
  word.replace(/\$(\w+)/g, (_, name: string) => {
    const fact = facts[name]
    if (fact === undefined) throw new Error(`no host has a ${name}`)
    return fact
  })

function endOf({ outcome, code, signal, limit, limitsMet, error, reason }: Outcome): string {
  const how =
    outcome === 'limited'
      ? limit
      : outcome === 'exited'
        ? code
        : outcome === 'signalled'
          ? signal
          : `${error}: ${reason}`
  return `[${outcome} ${how}${limitsMet.length > 0 ? `, met ${limitsMet.join(',')}` : ''}]`
}
