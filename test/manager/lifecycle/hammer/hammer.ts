import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { openManager } from '../../../../src/index.ts'
import { randomFrom, seedFor } from '../../../fuzz/random.ts'
import { fieldOf } from './field.ts'
import { judgeHome } from './judge-home.ts'
import type { Job, Struck } from './worker.ts'

export interface HammerPlan {
  readonly processes: number
  readonly seconds: number
  readonly seed: number
  /** Processes are killed at any moment, and others take their places. */
  readonly kills: boolean
}

/** How long a process lives at most from its first report on, before it is killed. */
const LIFE_MS = 6_000

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
  const job = { home, lockFile, seconds: plan.seconds, areKilled: plan.kills }
  const jobs = Array.from({ length: plan.processes }, (_, at) => ({
    ...job,
    seed: seedFor(plan.seed, `process ${at}`),
  }))
  const struck = (await Promise.all(jobs.map((one) => (plan.kills ? oneAfterTheOther(one) : work(one, null))))).flat()
  const left = await judgeHome(house, struck, plan)
  return { struck, faults: [...new Set([...struck.flatMap(({ faults }) => faults), ...left])] }
}

/** Each is killed after a while, and another takes its place. */
async function oneAfterTheOther(job: Job): Promise<Struck[]> {
  const random = randomFrom(job.seed)
  const struck: Struck[] = []
  const deadline = Date.now() + job.seconds * 1000
  for (let at = 0; Date.now() < deadline; at++) {
    const next = { ...job, seed: seedFor(job.seed, `life ${at}`), seconds: (deadline - Date.now()) / 1000 }
    struck.push(...(await work(next, random(LIFE_MS))))
  }
  return struck
}

/** One process; one that ends before its time, or says what is no report, is a fault as well. */
async function work(job: Job, killAfterMs: number | null): Promise<Struck[]> {
  const args = [join(import.meta.dirname, 'worker.ts'), JSON.stringify(job)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let stderr = ''
  child.stderr.on('data', (data) => (stderr += data))
  let timer: NodeJS.Timeout | undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    if (killAfterMs !== null) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  })
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  const struck = lines.map((line) => JSON.parse(line) as Struck)
  if (stderr === '' && (code === 0 || (killAfterMs !== null && signal === 'SIGKILL'))) return struck
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
