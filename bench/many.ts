import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commOf, sumOf, treeOf } from './processes.ts'
import { bwrapOf, type Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** The plugin, as the kernel names it; what is measured is everything around it. */
const PLUGIN = 'word-count'
const PATIENCE_MS = 60_000
const SETTLE_MS = 700
/** How many are being started at one time. */
const STARTING = 8

/** Plugins that run at once, each from a `plugins run` of its own: what stands around each, and how long it takes to end all. */
export async function many(stage: Stage): Promise<Row[]> {
  const count = stage.rounds(100, 10)
  const { home, name, path } = await stage.wordCount()
  const [ours, theirs]: [Sample[], Sample[]] = [[], []]
  await interleave(stage.rounds(5, 2), [
    () => crowd(stage.plugins(home, 'run', name), count, ours),
    () => crowd(bwrapOf(path), count, theirs),
  ])
  const of = (samples: readonly Sample[], what: keyof Sample) => samples.map((sample) => sample[what])
  const row = (work: string, unit: 'MiB' | 'ms', what: keyof Sample, goal = {}): Row =>
    rowOf({
      work: `${count} plugins at once: ${work}`,
      against: 'as many of bwrap',
      unit,
      ours: of(ours, what),
      theirs: of(theirs, what),
      ...goal,
    })
  return [
    row('memory beside each (RSS)', 'MiB', 'rss', { goal: atMost(3, 'ours') }),
    row('memory beside each (PSS)', 'MiB', 'pss'),
    row('SIGTERM to all of them gone', 'ms', 'stopMs'),
  ]
}

interface Sample {
  readonly rss: number
  readonly pss: number
  readonly stopMs: number
}

/** Starts them with inputs that stay open, so that they wait; looks; tells all to end. */
async function crowd(argv: readonly string[], count: number, samples: Sample[]): Promise<number> {
  const children: ChildProcess[] = []
  try {
    while (children.length < count) {
      const some = Array.from({ length: Math.min(STARTING, count - children.length) }, () => begin(argv))
      children.push(...some)
      await Promise.all(some.map(untilStarted))
    }
    await sleep(SETTLE_MS)
    const around = children.flatMap(({ pid }) => treeOf(pid as number)).filter((pid) => commOf(pid) !== PLUGIN)
    const ends = children.map((child) => new Promise((done) => child.once('exit', done)))
    const [rss, pss] = [sumOf(around, 'Rss') / count, sumOf(around, 'Pss') / count]
    const began = performance.now()
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(ends)
    samples.push({ rss, pss, stopMs: performance.now() - began })
    return rss
  } finally {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
}

const begin = ([command = '', ...args]: readonly string[]): ChildProcess =>
  spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'] })

async function untilStarted(child: ChildProcess): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(20)) {
    if (child.exitCode !== null) throw new Error(`cannot measure many: a run ended with code ${child.exitCode}`)
    if (treeOf(child.pid as number).some((pid) => commOf(pid) === PLUGIN)) return
  }
  throw new Error(`cannot measure many: a plugin did not start, ${join(...child.spawnargs)}`)
}
