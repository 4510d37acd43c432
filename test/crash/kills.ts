import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Aftermath, aftermathOf, againFaults, type Expected } from './aftermath.ts'
import { type AtBoundary, type Call, trace } from './boundary.ts'
import { conditionOf } from './condition.ts'
import type { Estate } from './estate.ts'
import type { Operation } from './operations.ts'
import { discard, SCRATCH } from './scratch.ts'

/** One moment of an operation at which it was killed. */
export interface Moment extends Aftermath {
  readonly at: number
  /** The call that was not made any more. */
  readonly call: string
}

/** What the operation does where nothing is in its way. */
export async function untroubled(
  estate: Estate,
  operation: Operation,
): Promise<Expected & { readonly calls: readonly Call[] }> {
  const home = estate.copy(await operation.before(estate))
  const old = conditionOf(home)
  const { calls, code, stderr } = await trace(home, { do: 'count' }, operation.argv(home, estate))
  if (code !== (operation.code ?? 0)) throw new Error(`${operation.name}: exit ${code}: ${stderr}`)
  const done = conditionOf(home)
  const left = done.left.filter((what) => !old.left.includes(what))
  if (left.length > 0) throw new Error(`${operation.name} leaves without a crash: ${left.join('; ')}`)
  discard(dirname(home))
  return { operation, old, done, calls }
}

export const told = (calls: readonly Call[], at: number, home: string): string => {
  const call = calls.find(({ number }) => number === at)
  return call === undefined ? 'the end' : `${call.isOwn ? '' : '(other) '}${call.name} ${call.path.slice(home.length)}`
}

/**
 * Every so many calls, everything stands still and the home is copied: what is in the copy is what all of it being killed
 * there would have left. So one run shows every moment of an operation.
 */
export async function stills(
  estate: Estate,
  expected: Expected,
  { from = 1, every = 1, again = 0 }: { from?: number; every?: number; again?: number },
): Promise<Moment[]> {
  const { operation } = expected
  const home = estate.copy(await operation.before(estate))
  const copies = mkdtempSync(join(SCRATCH, 'stills-'))
  mkdirSync(copies, { recursive: true })
  const command = `f() { cp -a --reflink=auto '${home}' '${copies}'/$1; }; f`
  const { calls } = await trace(home, { do: 'run', at: from, every, command }, operation.argv(home, estate))
  const moments: Moment[] = []
  const numbers = readdirSync(copies)
    .map(Number)
    .sort((a, b) => a - b)
  for (const [index, at] of numbers.entries()) {
    const copy = join(copies, `${at}`)
    moments.push(
      await looked(copy, expected, { at, call: told(calls, at, home) }, again > 0 && index % again === 0, estate),
    )
    rmSync(copy, { recursive: true, force: true })
  }
  rmSync(copies, { recursive: true, force: true })
  discard(dirname(home))
  return moments
}

/** A real kill, of the program itself or of all that it has started; what it leaves running goes on meanwhile. */
export async function kill(
  estate: Estate,
  expected: Expected,
  what: Extract<AtBoundary, { do: 'kill' | 'kill-all' }>,
  again = false,
): Promise<Moment | null> {
  const { operation } = expected
  const home = estate.copy(await operation.before(estate))
  const { calls, code, over } = await trace(home, what, operation.argv(home, estate))
  if (code !== null) return null
  const moment = await looked(home, expected, { at: what.at, call: told(calls, what.at, home) }, again, estate)
  await over
  const late = conditionOf(home).left.filter((what) => !expected.old.left.includes(what))
  discard(dirname(home))
  return { ...moment, faults: [...moment.faults, ...late.map((line) => `left by what went on: ${line}`)] }
}

async function looked(
  home: string,
  expected: Expected,
  moment: Pick<Moment, 'at' | 'call'>,
  again: boolean,
  estate: Estate,
): Promise<Moment> {
  const found = await aftermathOf(home, expected)
  if (!again || found.faults.length > 0) return { ...moment, ...found }
  return { ...moment, ...found, faults: againFaults(home, expected, found.state, estate) }
}
