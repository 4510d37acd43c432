import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { openManager } from '../../../../src/index.ts'
import { fieldOf } from './field.ts'
import { judgeHome } from './judge-home.ts'
import type { Job, Struck } from './worker.ts'

export interface HammerPlan {
  readonly processes: number
  readonly seconds: number
  readonly seed: number
}

export interface HammerResult {
  readonly struck: readonly Struck[]
  /** What should not have happened, each once. */
  readonly faults: readonly string[]
}

/** Several processes at work on one home at once, and a look at what they leave. */
export async function hammer(context: Pick<TestContext, 'after'>, plan: HammerPlan): Promise<HammerResult> {
  const house = await fieldOf(context)
  const { home } = house.layout
  const lockFile = join(dirname(home), 'plugins.lock')
  house.manager = await openManager({ home })
  await house.manager.writeLock({ lockFile })
  const jobs = Array.from({ length: plan.processes }, (_, at) => ({ ...plan, home, lockFile, seed: plan.seed + at }))
  const struck = (await Promise.all(jobs.map(work))).flat()
  const left = await judgeHome(house, struck)
  return { struck, faults: [...new Set([...struck.flatMap(({ faults }) => faults), ...left])] }
}

/** One process; one that ends before its time, or says what is no report, is a fault as well. */
async function work(job: Job): Promise<Struck[]> {
  const { home, lockFile, seed, seconds } = job
  const args = [join(import.meta.dirname, 'worker.ts'), JSON.stringify({ home, lockFile, seed, seconds })]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const struck: Struck[] = []
  let stderr = ''
  child.stderr.on('data', (data) => (stderr += data))
  createInterface({ input: child.stdout }).on('line', (line) => struck.push(JSON.parse(line) as Struck))
  const [code, signal] = await once(child, 'close')
  if (code === 0 && stderr === '') return struck
  const fault = `a process ended with ${code ?? signal}: ${stderr.slice(0, 1200)}`
  return [...struck, { kind: 'process', name: '', ms: 0, codes: [], sentences: [], deeds: [], faults: [fault] }]
}

/** What each kind of operation was told, and how often. */
export function sentencesIn({ struck }: HammerResult): readonly string[] {
  const told = Map.groupBy(
    struck.flatMap(({ kind, codes, sentences }) => codes.map((code, at) => `${kind}: ${code}: ${sentences[at]}`)),
    (sentence) => sentence.replaceAll(/\d+/g, 'N'),
  )
  return [...told].map(([sentence, times]) => `${times.length} × ${sentence.slice(0, 300)}`).sort()
}

/** Operations of each kind, what they said, and how long the longest took. */
export function figures({ struck }: HammerResult): readonly string[] {
  const kinds = Map.groupBy(struck, ({ kind }) => kind)
  return [...kinds]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, all]) => {
      const codes = Map.groupBy(
        all.flatMap((one) => one.codes),
        (code) => code,
      )
      const said = [...codes].map(([code, times]) => `${code} ${times.length}`).sort()
      const done = all.filter((one) => one.codes.length === 0).length
      const longest = Math.max(...all.map(({ ms }) => ms))
      return `${kind.padEnd(15)} ${`${all.length}`.padStart(6)}  done ${`${done}`.padStart(6)}  longest ${`${Math.round(longest)}`.padStart(6)} ms  ${said.join(', ')}`
    })
}
