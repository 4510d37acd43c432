// The log: the plugin's standard error with times and places, bounded, and never in the plugin's way.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readJournal } from '../../../src/runtime/journal.ts'
import { compartment, compile, launch, needsRoot, type Run, scratch } from './launch.ts'

const skip = needsRoot

/** Writes its argument to stderr, `\\n` and `\\0` made real; or N times. `pause` waits between two halves of a line. */
const program = needsRoot
  ? ''
  : compile(`#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>
int main(int c, char **v) {
  if (!strcmp(v[1], "pause")) { write(2, "first", 5); sleep(2); write(2, " second\\n", 8); write(1, "out\\n", 4); return 0; }
  char *text = malloc(strlen(v[1]) + 1), *to = text;
  for (char *f = v[1]; *f; f++)
    if (*f == '\\\\' && f[1] == 'n') *to++ = '\\n', f++;
    else if (*f == '\\\\' && f[1] == '0') *to++ = 0, f++;
    else if (*f == '\\\\' && f[1] == 'e') *to++ = 27, f++;
    else *to++ = *f;
  for (long n = c > 2 ? atol(v[2]) : 1; n > 0; n--)
    for (char *at = text; at < to;) { ssize_t w = write(2, at, to - at); if (w < 0) return 9; at += w; }
  write(1, "out\\n", 4);
  return 0; }`)

async function logged(args: readonly string[], set: Run['set'] = {}) {
  const folder = scratch()
  const path = join(folder, 'logs', 'acme', 'hello', 'run.log')
  const result = await launch({ in: compartment(program), args, set: { 'log-file': path, ...set } })
  const read = (name: string) => (existsSync(name) ? readFileSync(name, 'latin1') : '')
  const whole = read(`${path}.1`) + read(path)
  const lines = whole.split('\n').slice(0, -1)
  return { folder, path, result, whole, parts: lines.map((line) => partsOf(line)) }
}

function partsOf(line: string) {
  const [, time = '', position = '', mark = '', text = ''] = /^(\S+) (\d+) ([|+!]) (.*)$/s.exec(line) ?? []
  return { time, position: Number(position), mark, text }
}

test('each line of stderr is kept with its time and its place, and stdout is not', { skip }, async () => {
  const before = Date.now()
  const { parts, result, path, folder } = await logged(['one\\ntwo\\n\\nlast'])
  assert.equal(result.stderr, 'one\ntwo\n\nlast', 'it reaches the caller as it was')
  assert.deepEqual(
    parts.map(({ position, mark, text }) => [position, mark, text]),
    [
      [0, '|', 'one'],
      [4, '|', 'two'],
      [8, '|', ''],
      [9, '+', 'last'],
    ],
  )
  for (const { time } of parts) {
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(Date.parse(time) >= before - 1 && Date.parse(time) <= Date.now())
  }
  assert.equal(statSync(path).mode & 0o7777, 0o600)
  assert.equal(statSync(join(folder, 'logs')).mode & 0o7777, 0o700)
})

test('a run that says nothing leaves no log and no folder', { skip }, async () => {
  assert.deepEqual(readdirSync((await logged([''])).folder), [])
})

test('a long line is cut into pieces, and any byte is kept', { skip }, async () => {
  const { parts } = await logged([`${'a'.repeat(9000)}\\ntail\\e[2J\\0\\n`])
  assert.deepEqual(
    parts.map(({ position, mark, text }) => [position, mark, text.length]),
    [
      [0, '+', 4000],
      [4000, '+', 4000],
      [8000, '|', 1000],
      [9001, '|', 9],
    ],
  )
  assert.equal(parts[3]?.text, 'tail\u001b[2J\0')
})

test('half a line is written when its other half keeps one waiting', { skip }, async () => {
  const { parts } = await logged(['pause'])
  assert.deepEqual(
    parts.map(({ position, mark, text }) => [position, mark, text]),
    [
      [0, '+', 'first'],
      [5, '|', ' second'],
    ],
  )
  const [first, second] = parts.map(({ time }) => Date.parse(time))
  assert.ok((second ?? 0) - (first ?? 0) > 500)
})

test('at its size the log is set aside once', { skip }, async () => {
  const { path, parts, result } = await logged(['0123456789012345678901234567890123456789\\n', '250'], {
    'log-bytes': 12_000,
  })
  assert.equal(result.ended?.code, 0)
  assert.ok(statSync(path).size <= 12_000 && statSync(`${path}.1`).size <= 12_000)
  assert.deepEqual(readdirSync(join(path, '..')).sort(), ['run.log', 'run.log.1'])
  assert.equal(parts.length > 100, true)
})

test('a flood is let through to the caller and left out of the log, which says how much', { skip }, async () => {
  const { parts, result, path } = await logged(['flood\\n', '400000'], { 'log-bytes': 20_000 })
  assert.equal(result.ended?.code, 0)
  assert.equal(result.stderr.length, 6 * 400_000)
  const sizes = [path, `${path}.1`].filter((one) => existsSync(one)).map((one) => statSync(one).size)
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 45_000, `${sizes}`)
  const last = parts.at(-1)
  assert.equal(last?.mark, '!')
  assert.match(last?.text ?? '', /^left out \d+ bytes: more than the log takes in 10 s$/)
  const kept = parts.filter(({ mark }) => mark === '|').length
  assert.ok(kept > 300)
})

for (const [what, plant] of [
  [
    'the log itself',
    (base: string) => symlinkSync(join(base, 'victim'), join(base, 'logs', 'acme', 'hello', 'run.log')),
  ],
  ['a folder above it', (base: string) => symlinkSync(join(base, 'elsewhere'), join(base, 'logs', 'acme', 'planted'))],
] as const) {
  test(`a link in the place of ${what} is not followed: the run goes on, and the journal says so`, {
    skip,
  }, async () => {
    const base = scratch()
    mkdirSync(join(base, 'logs', 'acme', 'hello'), { recursive: true })
    mkdirSync(join(base, 'elsewhere'))
    writeFileSync(join(base, 'victim'), 'mine')
    plant(base)
    const name = what === 'the log itself' ? 'hello' : 'planted'
    const set = { 'log-file': join(base, 'logs', 'acme', name, 'run.log'), 'journal-file': join(base, 'journal') }
    const result = await launch({ in: compartment(program), args: ['evil\\n'], set })
    assert.equal(result.ended?.code, 0)
    assert.equal(readFileSync(join(base, 'victim'), 'utf8'), 'mine')
    assert.deepEqual(readdirSync(join(base, 'elsewhere')), [])
    assert.deepEqual(
      readJournal(readFileSync(join(base, 'journal'))).lines.map((line) => line.event === 'unwritable' && line.file),
      ['log'],
    )
  })
}
