// A few thousand inputs for every parser, other ones in each run: `npm run fuzz` is the same for a night.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { campaign, fuzz, type Plan, type Result } from './campaign.ts'
import { keptInputs } from './corpus.ts'
import { judgeThrown } from './judge.ts'
import { minimise } from './minimise.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'

const seed = Number(process.env.FUZZ_SEED ?? randomInt(1, 2 ** 31))
const inputs = Number(process.env.FUZZ_INPUTS ?? 4000)
const folder = mkdtempSync(join(tmpdir(), 'bulkhead-fuzz-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const plan: Plan = {
  seed,
  inputs,
  ms: 60_000,
  table: join(import.meta.dirname, 'targets.ts'),
  findings: join(folder, 'findings'),
  hangMs: 30_000,
  log: () => {},
  // Coverage has to warm up, which pays in a long run only: here it has a test of its own.
  sealedShare: 1,
}

const told = (results: readonly Result[]): string =>
  results
    .flatMap(({ findings }) => findings)
    .map(({ target, fault, smallest }) => `${target}: ${fault.oracle}: ${fault.what}\n${smallest.toString('base64')}`)
    .join('\n\n')

test(`${inputs} inputs: no exception escapes, nothing is written, memory and time are bounded`, async (t) => {
  t.diagnostic(`seed ${seed}; again: FUZZ_SEED=${seed} node scripts/test.mjs test/fuzz/fuzz.test.ts`)
  const results = await campaign(TARGETS, { ...plan, log: (line) => t.diagnostic(line) })
  assert.equal(told(results), '', `seed ${seed}`)
  const tried = results.reduce((sum, { tally }) => sum + tally.inputs, 0)
  assert.ok(tried >= inputs, `${tried}`)
  for (const { name } of TARGETS) {
    const of = results.filter(({ target }) => target === name)
    assert.ok(of.reduce((sum, { tally }) => sum + tally.accepted, 0) > 0, `${name}: nothing was accepted`)
    assert.ok(of.reduce((sum, { tally }) => sum + tally.refused, 0) > 0, `${name}: nothing was refused`)
  }
})

test('inputs that run new code are found by what V8 counts', async () => {
  const job = { table: plan.table, target: 'statement', seed, inputs: 200, ms: plan.ms, guided: true }
  const { tally, findings } = await fuzz(job, plan)
  assert.deepEqual(findings, [])
  assert.ok(tally.news > 0 && tally.functions > 20, JSON.stringify(tally))
})

for (const target of TARGETS) {
  test(`the kept inputs of ${target.name} are what their names say`, async () => {
    const kept = keptInputs(target.name)
    assert.ok(kept.length >= 4, `${kept.length} inputs`)
    const trial = await target.open()
    for (const { name, bytes } of kept) {
      const said = await verdictOf(target, () => trial.attempt(bytes))
      const expected = name.startsWith('valid-') ? 'accepted' : 'refused'
      assert.equal(said, expected, `${target.name}/${name}`)
    }
  })
}

async function verdictOf(target: Target, attempt: () => unknown): Promise<string> {
  try {
    await attempt()
    return 'accepted'
  } catch (error) {
    const judgement = judgeThrown(target, error)
    return judgement.kind === 'fault' ? judgement.fault.what : judgement.kind
  }
}

const PLANTED = join(import.meta.dirname, 'planted.ts')
const HOLES: Readonly<Record<string, { oracle: string; says: RegExp }>> = {
  'throws-a-type-error': { oracle: 'exception', says: /TypeError/ },
  'leaves-a-promise-behind': { oracle: 'exception', says: /nobody waits for this/ },
  'gives-a-code-of-others': { oracle: 'code', says: /INTERNAL/ },
  'lets-control-characters-out': { oracle: 'message', says: /control characters/ },
  'accepts-what-it-should-not': { oracle: 'violation', says: /two readings/ },
  writes: { oracle: 'write', says: /fs\.writeFileSync/ },
  'writes-and-hides-it': { oracle: 'write', says: /fs\.mkdirSync/ },
  'takes-a-hundred-megabytes': { oracle: 'memory', says: /100 MiB more/ },
  'fills-the-heap': { oracle: 'crash', says: /heap/ },
  'never-ends': { oracle: 'hang', says: /no end after 1500 ms/ },
}

for (const [target, { oracle, says }] of Object.entries(HOLES)) {
  test(`a parser that ${target.replaceAll('-', ' ')} is found, with an input that shows it`, async () => {
    const job = { table: PLANTED, target, seed: 1, inputs: 64, ms: 60_000, guided: false }
    const hangMs = target === 'never-ends' ? 1500 : 30_000
    const { findings } = await fuzz(job, { ...plan, table: PLANTED, hangMs, crashTries: 4, heapMiB: 48, restarts: 0 })
    const [found] = findings
    assert.ok(found, 'nothing was found')
    assert.equal(found.fault.oracle, oracle, found.fault.what)
    assert.match(found.fault.what, says)
    assert.ok(found.smallest.includes('OPEN'))
    if (!['memory', 'hang', 'crash'].includes(oracle)) assert.ok(found.smallest.length < 12, found.smallest.toString())
    assert.deepEqual(readFileSync(found.file), found.smallest)
  })
}

test('a sound parser gives no finding, under coverage and without', async () => {
  for (const guided of [true, false]) {
    const job = { table: PLANTED, target: 'sound', seed: 1, inputs: 300, ms: 60_000, guided }
    const { findings, tally } = await fuzz(job, { ...plan, table: PLANTED })
    assert.deepEqual(findings, [])
    assert.deepEqual([tally.inputs, tally.refused], [300, 300])
  }
})

test('one seed gives the same inputs', async () => {
  const job = { table: plan.table, target: 'manifest', seed: 5, inputs: 200, ms: 60_000, guided: false }
  const counts = async () => (({ accepted, refused }) => ({ accepted, refused }))((await fuzz(job, plan)).tally)
  assert.deepEqual(await counts(), await counts())
})

test('what is made smaller still does what it did', async () => {
  const bytes = Buffer.from(`${'x'.repeat(500)}a${'y'.repeat(300)}b`)
  const smallest = await minimise(bytes, (part) => part.includes('a') && part.includes('b'), { tries: 999, ms: 9999 })
  assert.equal(smallest.toString(), 'ab')
})
