import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../../src/core/digest.ts'
import { CURRENT_HEAD, type Job, type Said, type Tally, WORKER_BROKEN } from './job.ts'
import type { Fault } from './judge.ts'
import { minimise } from './minimise.ts'
import type { Target } from './target.ts'

export interface Plan {
  readonly seed: number
  /** Of all targets together. */
  readonly inputs: number
  /** Per target at most. */
  readonly ms: number
  readonly table: string
  /** Where findings go. */
  readonly findings: string
  /** Beyond this an input counts as one that never ends. */
  readonly hangMs: number
  readonly log: (line: string) => void
  /** How often a target goes on behind an input that ended its process. */
  readonly restarts?: number
  /** Processes that may be started to make an input smaller that ends one. */
  readonly crashTries?: number
  readonly heapMiB?: number
  /** The part of a target's inputs that is tried without coverage, in a process to which Node denies every write. */
  readonly sealedShare?: number
}

export interface Finding {
  readonly target: string
  readonly fault: Fault
  readonly input: Buffer
  readonly smallest: Buffer
  readonly file: string
}

export interface Result {
  readonly target: string
  readonly isGuided: boolean
  readonly tally: Tally
  readonly findings: readonly Finding[]
}

/** A heap that is full ends the process, whose input is then the finding. */
const HEAP_MIB = 256
/** All of the process: Node itself, the heap above, and what one input may cost outside of it. */
const PEAK_MIB = 640
const SEALED_SHARE = 0.1
const WATCH_MS = 250
const RESTARTS = 3
const CRASH_TRIES = 40
const CRASH_MS = 30_000
const STDERR_KEPT = 4000

/** Every target, as many at once as there are processors. */
export async function campaign(targets: readonly Target[], plan: Plan): Promise<readonly Result[]> {
  const shares = targets.reduce((sum, { share }) => sum + share, 0)
  const jobs = targets
    .flatMap(({ name, share, unguided = false }) => {
      const all = Math.ceil((plan.inputs * share) / shares)
      const sealed = unguided ? all : Math.ceil(all * (plan.sealedShare ?? SEALED_SHARE))
      const base = { table: plan.table, target: name, ms: plan.ms }
      return [
        { ...base, seed: plan.seed, inputs: all - sealed, guided: true },
        { ...base, seed: plan.seed + 1, inputs: sealed, guided: false },
      ]
    })
    .filter(({ inputs }) => inputs > 0)
  const results: Result[] = []
  const queue = jobs.values()
  const lane = async (): Promise<void> => {
    for (const job of queue) {
      const result = await fuzz(job, plan)
      plan.log(lineOf(result))
      results.push(result)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return results
}

/** One target, in a process of its own; started again behind an input that ended it. */
export async function fuzz(job: Job, plan: Plan): Promise<Result> {
  const findings: Finding[] = []
  const keep = (fault: Fault, input: Buffer, smallest: Buffer): void => {
    const finding = { target: job.target, fault, input, smallest }
    findings.push({ ...finding, file: write(finding, job, plan) })
  }
  let tally = EMPTY
  for (let start = 0; start <= (plan.restarts ?? RESTARTS); start++) {
    const left = { ...job, seed: job.seed + 1000 * start, inputs: job.inputs - tally.inputs }
    const ran = await run(left, plan)
    for (const said of ran.said) {
      if (said.kind === 'done') tally = added(tally, said)
      else keep(said.fault, Buffer.from(said.input, 'base64'), Buffer.from(said.smallest, 'base64'))
    }
    if (ran.touched !== null) keep(faultOf('write', `left ${ran.touched}`), ran.input, ran.input)
    if (ran.end === null) break
    tally = added(tally, { ...EMPTY, inputs: ran.number })
    keep(ran.end, ran.input, ran.end.oracle === 'crash' ? await smallestCrash(ran.input, left, plan) : ran.input)
    if (job.replay !== undefined) break
  }
  if (tally.peakMiB > PEAK_MIB) {
    const what = `its process had ${Math.round(tally.peakMiB)} MiB at most, more than ${PEAK_MIB}`
    keep(faultOf('memory', what), Buffer.alloc(0), Buffer.alloc(0))
  }
  return { target: job.target, isGuided: job.guided, tally, findings }
}

interface Ran {
  readonly said: readonly Said[]
  /** How it ended when it did not end well, and the input that it was at. */
  readonly end: Fault | null
  readonly number: number
  readonly input: Buffer
  /** What it left in its folder. */
  readonly touched: string | null
}

async function run(job: Job, plan: Plan): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-fuzz-'))
  const current = openSync(join(folder, 'current'), 'w+')
  const home = join(folder, 'home')
  mkdirSync(home)
  try {
    const child = spawn(
      process.execPath,
      [...flags(job, plan), join(import.meta.dirname, 'worker.ts'), JSON.stringify(job)],
      {
        cwd: home,
        stdio: ['ignore', 'pipe', 'pipe', current],
        env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: process.env.LANG },
      },
    )
    let out = ''
    let complaints = ''
    let hangs = false
    child.stdout?.on('data', (part: Buffer) => {
      out += part
    })
    child.stderr?.on('data', (part: Buffer) => {
      complaints = (complaints + part).slice(-STDERR_KEPT)
    })
    let last = { number: -1, at: performance.now() }
    const watch = setInterval(() => {
      const { number } = currentOf(current)
      if (number !== last.number) last = { number, at: performance.now() }
      else if (performance.now() - last.at > plan.hangMs) {
        hangs = true
        child.kill('SIGKILL')
      }
    }, WATCH_MS)
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (...how) => resolve(how))
    })
    clearInterval(watch)
    const said = out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Said)
    const { number, input } = currentOf(current)
    const left = readdirSync(home, { recursive: true })
    const isDone = code === 0 && said.at(-1)?.kind === 'done'
    if (code === WORKER_BROKEN || (!isDone && !hangs && number === 0)) {
      throw new Error(`cannot fuzz ${job.target}: ${complaints || `ended with ${code ?? signal}`}`)
    }
    const end = hangs
      ? faultOf('hang', `no end after ${plan.hangMs} ms`)
      : isDone
        ? null
        : faultOf('crash', `the process ended with ${code ?? signal}: ${complaints.trim()}`)
    return { said, end, number, input, touched: left.length === 0 ? null : left.join(', ') }
  } finally {
    closeSync(current)
    rmSync(folder, { recursive: true, force: true })
  }
}

function flags({ guided }: Job, { heapMiB = HEAP_MIB }: Plan): string[] {
  const closed = ['--permission', '--allow-fs-read=*']
  return ['--no-warnings', '--expose-gc', `--max-old-space-size=${heapMiB}`, ...(guided ? [] : closed)]
}

function currentOf(fd: number): { readonly number: number; readonly input: Buffer } {
  const head = Buffer.alloc(CURRENT_HEAD)
  readSync(fd, head, 0, CURRENT_HEAD, 0)
  const input = Buffer.alloc(head.readDoubleLE(8))
  readSync(fd, input, 0, input.length, CURRENT_HEAD)
  return { number: head.readDoubleLE(0), input }
}

/** In a process for each try, so few of them. */
async function smallestCrash(input: Buffer, job: Job, plan: Plan): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-fuzz-crash-'))
  const replay = join(folder, 'input')
  try {
    const crashes = async (candidate: Buffer): Promise<boolean> => {
      writeFileSync(replay, candidate)
      return (await run({ ...job, replay }, plan)).end?.oracle === 'crash'
    }
    return await minimise(input, crashes, { tries: plan.crashTries ?? CRASH_TRIES, ms: CRASH_MS })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const faultOf = (oracle: Fault['oracle'], what: string): Fault => ({ oracle, what, place: oracle })

/** The bytes as they are, and beside them what they do and how to do it again. */
function write({ target, fault, input, smallest }: Omit<Finding, 'file'>, job: Job, plan: Plan): string {
  const folder = join(plan.findings, target)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${fault.oracle}-${sha256(`${fault.place}${smallest.toString('base64')}`).slice(0, 12)}`)
  writeFileSync(file, smallest)
  if (!smallest.equals(input)) writeFileSync(`${file}.whole`, input)
  writeFileSync(
    `${file}.txt`,
    `${fault.oracle}: ${fault.what}\n\nseed ${job.seed}\nnpm run fuzz -- --only ${target} --replay ${file}\n`,
  )
  return file
}

const EMPTY: Tally = { inputs: 0, accepted: 0, refused: 0, news: 0, functions: 0, characters: 0, peakMiB: 0, ms: 0 }

function added(a: Tally, b: Tally): Tally {
  return {
    inputs: a.inputs + b.inputs,
    accepted: a.accepted + b.accepted,
    refused: a.refused + b.refused,
    news: a.news + b.news,
    functions: Math.max(a.functions, b.functions),
    characters: Math.max(a.characters, b.characters),
    peakMiB: Math.max(a.peakMiB, b.peakMiB),
    ms: a.ms + b.ms,
  }
}

function lineOf({ target, isGuided, tally, findings }: Result): string {
  const { inputs, accepted, refused, news, functions, characters, peakMiB, ms } = tally
  const found = isGuided
    ? `${news} reached new code (${functions} functions, ${characters} characters of it ran)`
    : 'every write denied by Node'
  return (
    `${target.padEnd(10)} ${String(inputs).padStart(7)} inputs in ${(ms / 1000).toFixed(1)} s: ${accepted} accepted, ` +
    `${refused} refused, ${findings.length} findings; ${found}; ${Math.round(peakMiB)} MiB at most`
  )
}
