import { spawnSync } from 'node:child_process'
import { formatRecovered, openManager } from '../../src/index.ts'
import { type Condition, conditionOf, type PluginCondition } from './condition.ts'
import type { Estate } from './estate.ts'
import type { Operation } from './operations.ts'

/** What a home is before an operation and after it: nothing else may ever be found. */
export interface Expected {
  readonly operation: Operation
  readonly old: Condition
  readonly done: Condition
}

export interface Aftermath {
  /** `mixed`: of several plugins some, each as a whole. */
  readonly state: 'old' | 'done' | 'mixed' | 'neither'
  /** What one start-up has said that it did. */
  readonly said: readonly string[]
  /** Empty: all is well. */
  readonly faults: readonly string[]
}

/** Opens a home in which something was killed, once, and looks at what is there then. */
export async function aftermathOf(home: string, expected: Expected): Promise<Aftermath> {
  const faults: string[] = []
  const said: string[] = []
  try {
    const manager = await openManager({ home, onRecovered: (recovered) => said.push(formatRecovered(recovered)) })
    try {
      manager.list()
      manager.verifyAudit()
    } finally {
      await manager.close()
    }
  } catch (error) {
    faults.push(`it cannot be opened: ${(error as Error).stack}`)
  }
  const found = conditionOf(home)
  faults.push(...less(found.left, expected.old.left).map((what) => `left: ${what}`))
  const state = stateOf(found, expected)
  if (state === 'neither') faults.push(...differences(found, expected))
  return { state, said, faults }
}

/** The same command once more does all that is left to do. */
export function againFaults(
  home: string,
  { operation, old, done }: Expected,
  state: Aftermath['state'],
  estate: Estate,
): string[] {
  if (state === 'done' && text(old) !== text(done)) return []
  const [command = '', ...args] = operation.argv(home, estate)
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== (operation.code ?? 0)) return [`again: exit ${status}: ${stderr}`]
  const found = conditionOf(home)
  return [
    ...less(found.left, done.left).map((what) => `left after another go: ${what}`),
    ...(text(found) === text(done)
      ? []
      : ['again: not as it should be', ...differences(found, { operation, old: done, done })]),
  ]
}

export function stateOf(found: Condition, { operation, old, done }: Expected): Aftermath['state'] {
  const whole = text(found)
  if (whole === text(old)) return 'old'
  if (whole === text(done)) return 'done'
  const names = new Set([...old.plugins.keys(), ...done.plugins.keys(), ...found.plugins.keys()])
  const isWhole = [...names].every((name) => {
    const [one, before, after] = [found, old, done].map(({ plugins }) => plugins.get(name))
    if (same(one, before) || same(one, after)) return true
    return operation.inParts === true && isBetween(one, before, after)
  })
  return isWhole ? 'mixed' : 'neither'
}

const text = ({ plugins }: Condition): string => JSON.stringify([...plugins])
const same = (one?: PluginCondition, other?: PluginCondition): boolean => JSON.stringify(one) === JSON.stringify(other)

/** Everything is of before or after, and what is in both is there. */
function isBetween(one?: PluginCondition, before?: PluginCondition, after?: PluginCondition): boolean {
  const [found, old, done] = [linesOf(one), linesOf(before), linesOf(after)]
  return (
    found.every((line) => old.includes(line) || done.includes(line)) &&
    less(old, less(old, done)).every((line) => found.includes(line))
  )
}

/** Those of the first that are not in the second. */
const less = (lines: readonly string[], those: readonly string[]): string[] => {
  const without = new Set(those)
  return lines.filter((line) => !without.has(line))
}

const linesOf = (one?: PluginCondition): string[] => [
  ...(one?.files ?? []),
  ...Object.entries(one?.rows ?? {}).flatMap(([table, rows]) => rows.map((row) => `${table}: ${JSON.stringify(row)}`)),
]

/** From whichever of the two it is nearer to. */
function differences(found: Condition, { old, done }: Expected): string[] {
  const names = [...new Set([...old.plugins.keys(), ...done.plugins.keys(), ...found.plugins.keys()])]
  return names.flatMap((name) => {
    const lines = linesOf(found.plugins.get(name))
    const against = (what: string, other: Condition): string[] => {
      const those = linesOf(other.plugins.get(name))
      const more = less(lines, those).map((line) => `  + ${line}`)
      const gone = less(those, lines).map((line) => `  - ${line}`)
      return [`${name} differs from what was ${what}:`, ...more, ...gone]
    }
    const [before, after] = [against('before', old), against('after', done)]
    const nearer = before.length <= after.length ? before : after
    return nearer.length === 1 ? [] : nearer.slice(0, 20)
  })
}
