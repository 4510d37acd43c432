// What a run uses is looked at while it goes on: minutes, alerts, and the largest number of open files.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type JournalLine, readJournal } from '../../../src/runtime/journal.ts'
import { readMinutes } from '../../../src/runtime/minutes.ts'
import { waiting, words } from './held.ts'
import { cgroups, compartment, compile, launch, needsRoot, type Run, scratch, sleep, start } from './launch.ts'

const skip = needsRoot

/** `burn MS`, `hold BYTES MS`, `open N MS`, `fork N MS`, `write BYTES MS`: does it, and goes on for so long. */
const program = needsRoot
  ? ''
  : compile(`#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000 + t.tv_nsec / 1000000; }
int main(int c, char **v) {
  const long n = atol(v[2]), ms = c > 3 ? atol(v[3]) : n;
  if (!strcmp(v[1], "hold")) { char *m = malloc(n); for (long i = 0; i < n; i += 4096) m[i] = 1; }
  const long end = now() + ms;
  if (!strcmp(v[1], "burn")) while (now() < end);
  if (!strcmp(v[1], "open")) for (long i = 0; i < n; i++) open("/dev/null", O_RDONLY);
  if (!strcmp(v[1], "fork")) for (long i = 0; i < n; i++) if (fork() == 0) break;
  if (!strcmp(v[1], "write")) for (long i = 0; i < n; i++) write(1, "x", 1);
  while (now() < end) usleep(1000);
  return 0; }`)

async function watched(args: readonly string[], set: Run['set'] = {}) {
  const folder = scratch()
  const [journal, minutes] = [join(folder, 'journal'), join(folder, 'minutes')]
  const result = await launch({
    in: compartment(program),
    args,
    set: { 'sample-ms': 100, 'journal-file': journal, 'samples-file': minutes, ...set },
  })
  assert.equal(result.ended?.outcome, 'exited', result.report)
  const read = (path: string) => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0))
  const { lines, damaged } = readJournal(read(journal))
  assert.equal(damaged, 0)
  const alerts = lines.filter((line): line is Extract<JournalLine, { event: 'alert' }> => line.event === 'alert')
  return { alerts, lines, minutes: readMinutes(read(minutes)), result, text: read(minutes).toString() }
}

test('a run has averages and peaks of what it used, and the sandbox itself is not counted', { skip }, async () => {
  const MiB = 2 ** 20
  const { minutes, result } = await watched(['hold', `${20 * MiB}`, '650'])
  const [minute] = minutes
  assert.equal(minutes.length, 1, 'what a run had of its last minute is kept')
  assert.ok(minute && minute.samples >= 4, JSON.stringify(minute))
  assert.ok(minute.ms >= 400 && minute.ms < 20_000, JSON.stringify(minute))
  const peak = minute.memoryBytes?.peak ?? 0
  assert.ok(peak > 20 * MiB && peak < 24 * MiB, JSON.stringify(minute))
  assert.equal(minute.processes?.peak, 1)
  assert.equal(minute.filesPeak, 3)
  assert.equal(result.ended?.usage.filesPeak, 3)
  assert.ok(Math.abs(Date.now() - minute.atMs) < 5_000)
})

test('what a run is given before its program has started is no figure of it', { skip }, async () => {
  const minutes = join(scratch(), 'minutes')
  const run = start({
    in: compartment(program),
    args: ['open', '0', '600'],
    control: true,
    set: { held: 1, 'sample-ms': 100, 'samples-file': minutes },
  })
  await waiting(run)
  await sleep(2_000)
  assert.equal(existsSync(minutes), false)
  run.control?.write(words([]))
  const { ended, report } = await run.result
  assert.equal(ended?.outcome, 'exited', report)
  const [minute] = readMinutes(readFileSync(minutes))
  assert.ok(minute && minute.samples >= 3 && minute.ms < 2_000, JSON.stringify(minute))
  assert.equal(minute.filesPeak, 3)
})

test('processor time is a share of one processor, whoever of the processes used it', { skip }, async () => {
  const { minutes } = await watched(['burn', '1000'], { 'cpu-permille': 400 })
  const cpu = minutes[0]?.cpuPermille
  assert.ok(cpu && cpu.average <= cpu.peak && cpu.peak > 250 && cpu.peak < 900, JSON.stringify(cpu))
  const forked = await watched(['fork', '5', '500'])
  assert.equal(forked.minutes[0]?.processes?.peak, 6)
})

test('a limit that is near is told once, with what was used', { skip }, async () => {
  const files = await watched(['open', '54', '600'], { files: 64, 'alert-files': 80 })
  assert.deepEqual(
    files.alerts.map(({ limit, percent, value, max }) => [limit, percent, value, max]),
    [['files', 89, 57, 64]],
  )
  const memory = await watched(['hold', `${29 * 2 ** 20}`, '500'], { 'memory-bytes': 32 * 2 ** 20, 'alert-memory': 80 })
  assert.deepEqual(
    memory.alerts.map(({ limit }) => limit),
    ['memory'],
  )
  const cpu = await watched(['burn', '900'], { 'cpu-permille': 100, 'alert-cpu': 70 })
  assert.ok(
    cpu.alerts.length >= 1 && cpu.alerts.every(({ limit, max }) => limit === 'cpu' && max === 100),
    JSON.stringify(cpu.alerts),
  )
})

test('a threshold of 0 never tells', { skip }, async () => {
  const { alerts } = await watched(['open', '54', '400'], { files: 64, 'alert-files': 0 })
  assert.deepEqual(alerts, [])
})

test('a run shorter than the first sample leaves no file, and none is taken where none is wanted', {
  skip,
}, async () => {
  const short = await watched(['write', '1', '1'], { 'sample-ms': 10_000 })
  assert.deepEqual([short.minutes, short.lines, short.result.ended?.usage.filesPeak], [[], [], null])
  const never = await watched(['write', '1', '300'], { 'sample-ms': 0 })
  assert.deepEqual([never.minutes, never.result.ended?.usage.filesPeak], [[], null])
})

test('alerts reach a host on the report stream while the run goes on', { skip }, async () => {
  const { result } = await watched(['open', '54', '400'], { files: 64, 'alert-files': 80 })
  const events = result.report
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).event)
  assert.deepEqual(events, ['started', 'alert', 'ended'])
})

test('without cgroups the figures come from the processes themselves', { skip }, async () => {
  const none = Object.fromEntries(cgroups().fields.map(([key]) => [key, undefined]))
  const folder = scratch()
  const result = await launch({
    in: compartment(program),
    args: ['hold', `${10 * 2 ** 20}`, '500'],
    weaker: ['memory', 'cpu'],
    set: { ...none, 'sample-ms': 100, 'samples-file': join(folder, 'minutes') },
  })
  assert.equal(result.ended?.outcome, 'exited', result.report)
  const [minute] = readMinutes(readFileSync(join(folder, 'minutes')))
  const peak = minute?.memoryBytes?.peak ?? 0
  assert.ok(peak > 10 * 2 ** 20 && peak < 13 * 2 ** 20, JSON.stringify(minute))
  assert.equal(minute?.processes?.peak, 1)
  assert.equal(minute?.filesPeak, 3)
})

test('a link in the place of the minutes is not followed: the run goes on, and the journal says so', {
  skip,
}, async () => {
  const folder = scratch()
  writeFileSync(join(folder, 'victim'), 'mine')
  symlinkSync(join(folder, 'victim'), join(folder, 'planted'))
  const { lines } = await watched(['write', '1', '400'], { 'samples-file': join(folder, 'planted') })
  assert.equal(readFileSync(join(folder, 'victim'), 'utf8'), 'mine')
  assert.deepEqual(
    lines.map((line) => line.event === 'unwritable' && line.file),
    ['minutes'],
  )
})
