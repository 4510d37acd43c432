import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commOf, sumOf, treeOf } from './processes.ts'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** The plugin, as the kernel names it; what is measured is everything around it. */
const PLUGIN = 'word-count'
const PATIENCE_MS = 10_000
/** Node gives some of its memory back a while after it started. */
const SETTLE_MS = 700

/** What a host would write in Node to watch over one program. */
const SUPERVISOR = `
  const child = require('node:child_process').spawn(process.argv[1], { stdio: 'pipe' })
  process.stdin.pipe(child.stdin)
  child.stdout.pipe(process.stdout)
  child.stderr.pipe(process.stderr)
  child.on('exit', (code) => process.exit(code))
`

/** The memory of one running plugin beyond the plugin itself: of every process that is there because it runs. */
export async function memory(stage: Stage): Promise<Row[]> {
  const { home, name, path } = await stage.wordCount()
  const ours: Sample[] = []
  const theirs: Sample[] = []
  await interleave(stage.rounds(7, 2), [
    () => around(stage.plugins(home, 'run', name), ours),
    () => around([process.execPath, '-e', SUPERVISOR, join(path, 'root/plugin/bin', PLUGIN)], theirs),
  ])
  const row = { against: 'a Node supervisor', unit: 'MiB' } as const
  const of = (samples: readonly Sample[], what: keyof Sample) => samples.map((sample) => sample[what])
  return [
    rowOf({
      ...row,
      work: 'memory beside one running plugin (RSS)',
      ours: of(ours, 'rss'),
      theirs: of(theirs, 'rss'),
      goal: atMost(3, 'ours'),
    }),
    rowOf({ ...row, work: 'memory beside one running plugin (PSS)', ours: of(ours, 'pss'), theirs: of(theirs, 'pss') }),
  ]
}

interface Sample {
  readonly rss: number
  readonly pss: number
}

/** Starts it with an input that stays open, so that it waits; looks; lets it end by itself. */
async function around([command = '', ...args]: readonly string[], samples: Sample[]): Promise<number> {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit'] })
  try {
    await untilStarted(child)
    await sleep(SETTLE_MS)
    const pids = treeOf(child.pid as number).filter((pid) => commOf(pid) !== PLUGIN)
    const sample = { rss: sumOf(pids, 'Rss'), pss: sumOf(pids, 'Pss') }
    samples.push(sample)
    return sample.rss
  } finally {
    const gone = new Promise((done) => child.once('exit', done))
    child.stdin?.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    if (child.exitCode === null && child.signalCode === null) await gone
    clearTimeout(timer)
  }
}

async function untilStarted(child: ChildProcess): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(20)) {
    if (child.exitCode !== null) throw new Error(`cannot measure memory: the run ended with code ${child.exitCode}`)
    if (treeOf(child.pid as number).some((pid) => commOf(pid) === PLUGIN)) return
  }
  throw new Error('cannot measure memory: the plugin did not start')
}
