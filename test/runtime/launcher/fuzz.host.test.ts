// Whatever comes in on fd 3, a specification that breaks a rule runs nothing. FUZZ_SEED and FUZZ_ROUNDS choose others.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { randomFrom } from '../../fuzz/random.ts'
import { build, CLANG_PACKAGES, clang, FUZZED, type Fuzzed, LIBFUZZER } from './fuzz/build.ts'
import { BREAKS, broken, corpusOf, shuffled } from './fuzz/mutations.ts'
import {
  compartment,
  compile,
  encode,
  type Fields,
  launcherPath,
  leavesOf,
  needsRoot,
  scratch,
  specification,
} from './launch.ts'

const HERE = join(import.meta.dirname, 'fuzz')
const seed = Number(process.env.FUZZ_SEED ?? 20261128)
const rounds = Number(process.env.FUZZ_ROUNDS ?? 4000)

/** Leaves two marks: one on its output, one in its folder. */
const marker = () =>
  compile(`
    #include <fcntl.h>
    #include <unistd.h>
    int main(void) { write(1, "ran", 3); close(open("/data/ran", O_CREAT | O_WRONLY, 0600)); return 0; }`)

let there: ReturnType<typeof compartment> | undefined
function scene(run: string): Fields {
  there ??= compartment(marker())
  return specification({ in: there, data: true, args: ['one', 'two'], env: { A: '1', B: '2' } }, run)
}

interface Answer {
  readonly status: number
  readonly marks: number
  readonly started: boolean
  readonly invalid: boolean
}

let driver: string | undefined
function launchAll(corpus: readonly Buffer[]): Answer[] {
  driver ??= compile(`#include "${join(HERE, 'driver.c')}"`)
  const file = join(scratch(), 'corpus')
  writeFileSync(file, corpusOf(corpus))
  const text = execFileSync(driver, [launcherPath(), file], { encoding: 'utf8', maxBuffer: 1 << 26 })
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [status = 0, marks = 0, started = 0, invalid = 0] = line.split(' ').map(Number)
      return { status, marks, started: started === 1, invalid: invalid === 1 }
    })
}

const madeFrom = (count: number) => {
  const random = randomFrom(seed)
  return Array.from({ length: count }, () => broken(scene('test-fuzz'), random))
}

test(`${rounds} broken specifications run nothing`, { skip: needsRoot }, () => {
  const made = madeFrom(rounds)
  const answers = launchAll(made.map(({ bytes }) => bytes))
  assert.equal(answers.length, rounds)
  const rules = new Set<string>()
  for (const [at, answer] of answers.entries()) {
    const { rule, bytes } = made[at] as { rule: string; bytes: Buffer }
    const seen = `seed ${seed}, round ${at}, ${rule}: ${JSON.stringify(bytes.toString('latin1').slice(0, 4000))}`
    assert.deepEqual(answer, { status: 125, marks: 0, started: false, invalid: true }, seen)
    rules.add(rule)
  }
  assert.deepEqual([...rules].sort(), Object.keys(BREAKS).sort(), 'every rule was broken')
  assert.equal(existsSync(join(there?.data ?? '', 'ran')), false)
  assert.deepEqual(leavesOf('test-fuzz'), [])
})

test('the same, whole and in another order, runs what it says', { skip: needsRoot }, () => {
  const random = randomFrom(seed)
  const count = 100
  const answers = launchAll(
    Array.from({ length: count }, (_, at) => encode(shuffled(scene(`test-order-${at}`), random))),
  )
  for (const answer of answers) assert.deepEqual(answer, { status: 0, marks: 3, started: true, invalid: false })
  assert.equal(existsSync(join(there?.data ?? '', 'ran')), true, 'the mark is one that can be left')
})

test('the parser reads no byte that is not its own, and nothing in it is undefined', { skip: needsRoot }, (t) => {
  const program = join(scratch(), 'parse')
  const complaint = build('spec', 'cc', program, ['-fsanitize=address,undefined'])
  if (/cannot find.*(asan|ubsan)/.test(complaint ?? ''))
    return t.skip('this compiler has no sanitizers (Debian: libgcc-12-dev)')
  assert.equal(complaint, null)
  const random = randomFrom(seed)
  const made = madeFrom(rounds).map(({ bytes }) => bytes)
  // Beside what is broken on purpose: bytes that were changed at random, some of which are valid.
  const changed = made.map((_, at) => {
    const bytes = encode(scene(`test-${at}`))
    for (let times = 1 + random(4); times > 0; times--) bytes[random(bytes.length)] = random(256)
    return bytes
  })
  const whole = encode(scene('test-whole'))
  const file = join(scratch(), 'corpus')
  writeFileSync(file, corpusOf([...made, ...changed, whole]))
  const { status, stdout, stderr } = spawnSync(program, [file], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const [accepted = 0, all] = stdout.split(' of ').map(Number)
  assert.equal(all, 2 * rounds + 1)
  assert.ok(accepted >= 1 && accepted <= rounds + 1, stdout)
})

const seconds = Number(process.env.FUZZ_SECONDS ?? 10)

for (const part of Object.keys(FUZZED) as Fuzzed[]) {
  // The specification comes from outside of the launcher; the rest it makes itself.
  const share = part === 'spec' ? 0.6 : 0.2
  test(`libFuzzer finds nothing in ${seconds * share} seconds of ${part}`, {
    skip: clang === undefined ? `no clang (Debian: ${CLANG_PACKAGES})` : needsRoot,
  }, (t) => {
    const folder = scratch()
    const program = join(folder, 'fuzz')
    const complaint = build(part, String(clang), program, LIBFUZZER)
    if (/cannot find|no such file/i.test(complaint ?? ''))
      return t.skip(`this clang has no libFuzzer (Debian: ${CLANG_PACKAGES})`)
    assert.equal(complaint, null)
    const seeds = join(folder, 'seeds')
    cpSync(resolve(import.meta.dirname, '../../fuzz/corpus', `launcher-${part}`), seeds, { recursive: true })
    if (part === 'spec') {
      for (const [at, { bytes }] of madeFrom(200).entries())
        if (bytes.length < 8192) writeFileSync(join(seeds, `${at}`), bytes)
      writeFileSync(join(seeds, 'whole'), encode(scene('test-whole')))
    }
    const { status, stderr } = spawnSync(
      program,
      [`-max_total_time=${Math.ceil(seconds * share)}`, '-max_len=8192', `-seed=${seed}`, seeds],
      { encoding: 'utf8', cwd: folder, maxBuffer: 1 << 26 },
    )
    assert.equal(status, 0, stderr.slice(-4000))
    t.diagnostic(stderr.trimEnd().split('\n').at(-1) ?? '')
    assert.ok(readdirSync(seeds).length > 10)
  })
}
