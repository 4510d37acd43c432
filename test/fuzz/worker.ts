// The process that the inputs are tried in: `worker.ts JSON`, the job as JSON. Its parent sees a crash, a hang and a full
// heap from outside; the input that is being tried lies in the file at descriptor 3 before it is tried.
import fs from 'node:fs'
import { INPUT_MAX } from './byte-mutations.ts'
import { keptInputs } from './corpus.ts'
import { Coverage } from './coverage.ts'
import { CURRENT_FD, CURRENT_HEAD, type Job, type Said, WORKER_BROKEN } from './job.ts'
import { type Fault, type Judgement, judge } from './judge.ts'
import { minimise } from './minimise.ts'
import { pick, randomFrom, seedFor } from './random.ts'
import type { Target, Trial } from './target.ts'
import { watchWrites } from './write-watch.ts'

const BATCH = 32
const POOL_MAX = 4000
const STACKED_MAX = 6
const FAULTS_MAX = 10
const COLLECT_BYTES = 96 * 2 ** 20
const KEPT_BYTES = 192 * 2 ** 20
const SMALLER = { tries: 2000, ms: 4000 }

/** Of this file alone: what is imported from node:fs by name is the watched one, here too. */
const { readFileSync, writeSync } = fs

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const { TARGETS } = (await import(job.table)) as { TARGETS: readonly Target[] }
const target = TARGETS.find(({ name }) => name === job.target)
if (target === undefined) throw new Error(`cannot fuzz "${job.target}": no such target`)

const say = (said: Said): boolean => process.stdout.write(`${JSON.stringify(said)}\n`)
const trial = await target.open()
const kept = keptInputs(target.name)
const replayed = job.replay === undefined ? null : readFileSync(job.replay)
const pool: Buffer[] = [...kept.map(({ bytes }) => bytes), ...(target.seeds?.() ?? [])]
if (pool.length === 0) throw new Error(`cannot fuzz "${job.target}": it has no seeds`)
const seeds = pool.length
const coverage = job.guided ? new Coverage() : null
const writes = watchWrites()

let number = 0
const head = Buffer.alloc(CURRENT_HEAD)
function announce(input: Buffer): void {
  head.writeDoubleLE(++number, 0)
  head.writeDoubleLE(input.length, 8)
  writeSync(CURRENT_FD, input, 0, input.length, CURRENT_HEAD)
  // The head last: whoever reads a new number finds the bytes that belong to it.
  writeSync(CURRENT_FD, head, 0, CURRENT_HEAD, 0)
}

/** A promise that nobody waits for, or a callback that throws: known only once the event loop has had its turn. */
let late: unknown = null
process.on('unhandledRejection', (error) => {
  late = error
})
process.on('uncaughtException', (error) => {
  late = error
})
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function tried(input: Buffer): Promise<Judgement> {
  announce(input)
  return judge(target as Target, trial as Trial, input, writes)
}

/** The same, and what comes of it later. */
async function triedOut(input: Buffer): Promise<Judgement> {
  late = null
  const judgement = await tried(input)
  await turn()
  if (late === null || judgement.kind === 'fault') return judgement
  const what = `thrown when nobody waited any more: ${late instanceof Error ? late.stack : String(late)}`
  return { kind: 'fault', fault: { oracle: 'exception', what, place: 'late' } }
}

const places = new Set<string>()
/** Told once for each hole, with the smallest input that shows it. */
async function tell(fault: Fault, input: Buffer): Promise<void> {
  const key = `${fault.oracle} ${fault.place}`
  if (places.has(key)) return
  places.add(key)
  const { inside } = target as Target
  const bytes = inside?.unpack(input) ?? null
  const pack = bytes === null || inside === undefined ? (part: Buffer) => part : inside.pack
  const does = async (part: Buffer): Promise<boolean> => {
    const again = await triedOut(pack(part))
    return again.kind === 'fault' && `${again.fault.oracle} ${again.fault.place}` === key
  }
  // What depends on how busy the machine is gets no smaller by trying.
  const isFirm = fault.oracle !== 'time' && fault.oracle !== 'memory'
  const smallest = isFirm ? pack(await minimise(bytes ?? input, does, SMALLER)) : input
  const again = isFirm ? await triedOut(smallest) : null
  say({
    kind: 'fault',
    fault: again?.kind === 'fault' ? again.fault : fault,
    input: input.toString('base64'),
    smallest: smallest.toString('base64'),
  })
}

const random = randomFrom(seedFor(job.seed, target.name))
function made(): Buffer {
  // What reached new code last is what the next new code is near to.
  const from = pool.length > seeds && random(2) === 0 ? pool.slice(-64) : pool
  const ground = { pool, dictionary: (target as Target).dictionary }
  let input = pick(from, random)
  try {
    for (let times = random(2) === 0 ? 1 : 1 + random(STACKED_MAX); times > 0; times--)
      input = (target as Target).mutate(input, random, ground)
  } catch (error) {
    console.error(error)
    process.exit(WORKER_BROKEN)
  }
  return input.length > INPUT_MAX ? input.subarray(0, INPUT_MAX) : input
}

const began = performance.now()
const counts = { accepted: 0, refused: 0, fault: 0 }
let news = 0
const end = began + job.ms

async function batch(inputs: readonly Buffer[]): Promise<void> {
  for (const input of inputs) {
    const judgement = await tried(input)
    counts[judgement.kind]++
    if (judgement.kind === 'fault') await tell(judgement.fault, input)
  }
  await turn()
  if (late !== null && !places.has('exception late')) await findLate(inputs)
  if (coverage?.hasNew({ remember: inputs.length === 1 })) await findNews(inputs)
  await collect()
}

/** Which of these it was. */
async function findLate(inputs: readonly Buffer[]): Promise<void> {
  for (const input of inputs) {
    const judgement = await triedOut(input)
    if (judgement.kind === 'fault') await tell(judgement.fault, input)
  }
}

/** Buffers that nobody holds any more wait for a collection that a small heap never asks for; what is left after one is held. */
async function collect(): Promise<void> {
  if (held() < COLLECT_BYTES) return
  for (let times = 0; times < 2; times++) {
    globalThis.gc?.()
    // Handles of zlib are closed by the event loop.
    await turn()
  }
  if (held() < KEPT_BYTES || places.has('kept')) return
  places.add('kept')
  const what = `${Math.round(held() / 2 ** 20)} MiB are kept after ${number} inputs`
  say({ kind: 'fault', fault: { oracle: 'memory', what, place: 'kept' }, input: '', smallest: '' })
}

const held = (): number => process.memoryUsage().external + process.memoryUsage().heapUsed

/** Which of these ran code that never ran before: halves are tried again until it is one. */
async function findNews(inputs: readonly Buffer[]): Promise<void> {
  const [only] = inputs
  if (only === undefined) return
  if (inputs.length === 1) {
    news++
    if (pool.length < POOL_MAX) pool.push(only)
    return
  }
  for (const half of [inputs.slice(0, inputs.length / 2), inputs.slice(inputs.length / 2)]) {
    for (const input of half) await tried(input)
    if (coverage?.hasNew({ remember: half.length === 1 })) await findNews(half)
  }
}

if (replayed !== null) {
  await batch([replayed])
} else {
  // The kept inputs first: what was a hole once is tried in every run.
  for (let at = 0; at < seeds; at += BATCH) await batch(pool.slice(at, Math.min(seeds, at + BATCH)))
  news = 0
  pool.length = seeds
  let left = job.inputs - seeds
  while (left > 0 && performance.now() < end && places.size < FAULTS_MAX) {
    const size = Math.min(BATCH, left)
    await batch(Array.from({ length: size }, made))
    left -= size
  }
}

say({
  kind: 'done',
  inputs: counts.accepted + counts.refused + counts.fault,
  accepted: counts.accepted,
  refused: counts.refused,
  news,
  ...(coverage?.reached ?? { functions: 0, characters: 0 }),
  peakMiB: process.resourceUsage().maxRSS / 1024,
  ms: performance.now() - began,
})
coverage?.close()
