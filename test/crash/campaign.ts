import { type Random, randomFrom, seedFor } from '../fuzz/random.ts'
import type { Expected } from './aftermath.ts'
import type { Call } from './boundary.ts'
import type { Estate } from './estate.ts'
import { type Fault, meet } from './faults.ts'
import { kill, type Moment, stills, untroubled } from './kills.ts'
import type { Operation } from './operations.ts'
import { powerCuts } from './power.ts'

/** `still`: all of it is gone at once, at a boundary; `kill`: a real kill, of the program or of all, at a boundary by chance. */
export type Kind = 'still' | 'kill' | 'power' | Fault
export const KINDS: readonly Kind[] = ['still', 'kill', 'power', 'ENOSPC', 'EROFS', 'EIO', 'SIGINT']

export interface Plan {
  readonly operations: readonly Operation[]
  /** At how many moments of one operation; `Infinity`: at each there is. */
  moments(operation: Operation, kind: Kind): number
  readonly seed: number
  /** After one in so many moments, the same command is given again. */
  readonly again: number
  readonly log: (line: string) => void
}

/** What one operation came to under one kind of trouble. */
export interface Row {
  readonly operation: string
  readonly kind: Kind
  /** How many calls it makes that change something. */
  readonly boundaries: number
  /** At how many moments it was to be interrupted. */
  readonly wanted: number
  /** Those at which it really was. */
  readonly moments: readonly Moment[]
  /** It was over before it came to that call: no two goes make the same number of them. */
  readonly missed: number
}

export const badOf = ({ moments }: Row): Moment[] => moments.filter(({ faults }) => faults.length > 0)

/** As many as a small machine has processors: one that is traced and its tracer take turns. */
const SIDE_BY_SIDE = 2

/** Every operation once as it should be, and then with everything in its way that the plan names. */
export async function campaign(estate: Estate, plan: Plan): Promise<Row[]> {
  const jobs = plan.operations.flatMap((operation) => {
    const expected = once(() => untroubled(estate, operation))
    return KINDS.filter((kind) => plan.moments(operation, kind) > 0).map((kind) => ({ expected, kind }))
  })
  return sideBySide(jobs, async ({ expected, kind }) => {
    const row = await rowOf(estate, await expected(), kind, plan)
    plan.log(line(row))
    for (const moment of badOf(row)) plan.log(told(row, moment))
    return row
  })
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return () => (done ??= work())
}

async function rowOf(
  estate: Estate,
  expected: Expected & { readonly calls: readonly Call[] },
  kind: Kind,
  plan: Plan,
): Promise<Row> {
  const { operation, calls } = expected
  const random = randomFrom(seedFor(plan.seed, `${operation.name} ${kind}`))
  const boundaries = calls.length
  const wanted = plan.moments(operation, kind)
  const row = { operation: operation.name, kind, boundaries, wanted: Math.min(wanted, boundaries) }
  const stops = () => momentsAmong(boundaries, wanted, random)
  const again = (index: number) => plan.again > 0 && index % plan.again === plan.again - 1
  switch (kind) {
    case 'still': {
      // What was written to a file system of its own is not in a copy of the home: there, all of it is really killed.
      if (operation.mounts === true) {
        const each = await inTurn(stops(), (at, index) => kill(estate, expected, { do: 'kill-all', at }, again(index)))
        return { ...row, ...struck(each) }
      }
      const every = Math.max(1, Math.floor(boundaries / wanted))
      const moments = await stills(estate, expected, { from: 1 + random(every), every, again: plan.again })
      return { ...row, moments, missed: 0 }
    }
    case 'power': {
      const every = Math.max(1, Math.floor(boundaries / wanted))
      return { ...row, moments: await powerCuts(estate, expected, { from: 1 + random(every), every }), missed: 0 }
    }
    case 'kill': {
      const chosen = Array.from({ length: wanted }, () => ({
        at: 1 + random(boundaries),
        do: random(2) === 0 ? ('kill' as const) : ('kill-all' as const),
      }))
      return {
        ...row,
        ...struck(await inTurn(chosen, (what, index) => kill(estate, expected, what, again(index)))),
      }
    }
    default: {
      const met = await inTurn(stops(), (at, index) => meet(estate, expected, kind, at, again(index)))
      return { ...row, moments: met, missed: 0 }
    }
  }
}

/** As far from each other as so many can be, where exactly by chance. */
export function momentsAmong(boundaries: number, wanted: number, random: Random): number[] {
  if (wanted >= boundaries) return Array.from({ length: boundaries }, (_, index) => index + 1)
  const width = Math.floor(boundaries / wanted)
  return Array.from({ length: wanted }, (_, index) => 1 + Math.floor((index * boundaries) / wanted) + random(width))
}

const struck = (each: readonly (Moment | null)[]): Pick<Row, 'moments' | 'missed'> => {
  const moments = each.filter((one) => one !== null)
  return { moments, missed: each.length - moments.length }
}

type Work<T, R> = (one: T, index: number) => Promise<R>

async function inTurn<T, R>(all: readonly T[], work: Work<T, R>): Promise<R[]> {
  const results: R[] = []
  for (const [index, one] of all.entries()) results.push(await work(one, index))
  return results
}

async function sideBySide<T, R>(all: readonly T[], work: Work<T, R>): Promise<R[]> {
  const results: R[] = []
  const left = all.entries()
  // Each takes the next one that nobody has.
  const worker = async () => {
    for (const [index, one] of left) results[index] = await work(one, index)
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker))
  return results
}

const line = (row: Row): string => {
  const missed = row.missed === 0 ? '' : `, ${row.missed} missed`
  return `${row.operation}: ${row.kind}: ${row.moments.length} moments of ${row.boundaries}, ${badOf(row).length} bad${missed}`
}

const SHOWN = 12

/** With what is needed to look at that one again. */
export const told = ({ operation, kind }: Row, { at, call, state, said, faults }: Moment): string =>
  [`${operation}: ${kind} at ${at} (${call}): ${state}`, ...said, ...faults.slice(0, SHOWN)].join('\n    ')
