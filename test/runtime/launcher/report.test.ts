// The form `--spec FILE`: the specification from a file of the caller, the report into one.

import assert from 'node:assert/strict'
import { type SpawnSyncOptions, type SpawnSyncReturns, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  compartment,
  compile,
  encode,
  type Fields,
  launcherPath,
  needsRoot,
  parseReport,
  type Run,
  scratch,
  specification,
} from './launch.ts'

const skip = needsRoot
const program = compile(
  '#include <stdio.h>\n#include <unistd.h>\nint main(int c, char **v) { puts("hello"); fflush(stdout); if (c > 1) sleep(9); return 5; }',
)

function handOver(
  folder: string,
  run: Partial<Run> = {},
  extra: Fields = [],
  options: Pick<SpawnSyncOptions, 'input' | 'stdio'> = { input: '' },
): SpawnSyncReturns<string> {
  const fields = specification({ in: compartment(program), ...run }).filter(([key]) => key !== 'control')
  const spec = [...fields.slice(0, -1), ['report-file', join(folder, 'report')] as const, ...extra, ['end', 1] as const]
  writeFileSync(join(folder, 'spec'), encode(spec), { mode: 0o600 })
  return spawnSync(launcherPath(), ['--spec', join(folder, 'spec')], { encoding: 'utf8', ...options })
}

test('the report is a file, whole, and the specification is gone', { skip }, () => {
  const folder = scratch()
  const result = handOver(folder)
  assert.equal(result.status, 5)
  assert.equal(result.stdout, 'hello\n')
  assert.equal(result.stderr, '')
  const { started, ended } = parseReport(readFileSync(join(folder, 'report'), 'utf8'))
  assert.ok(started)
  assert.equal(ended?.code, 5)
  assert.deepEqual(readdirSync(folder), ['report'], 'no specification and no unfinished file')
  assert.equal(statSync(join(folder, 'report')).mode & 0o777, 0o600)
})

test('the outcome file holds the last line alone', { skip }, () => {
  const folder = scratch()
  handOver(folder, {}, [['outcome-file', join(folder, 'outcome')]])
  const text = readFileSync(join(folder, 'outcome'), 'utf8')
  assert.deepEqual(Object.keys(JSON.parse(text)).slice(0, 2), ['outcome', 'code'])
  assert.equal(text.trimEnd().split('\n').length, 1)
})

test('a person is told of a limit in one sentence', { skip }, () => {
  const result = handOver(scratch(), { args: ['long'], set: { 'timeout-ms': 200, 'grace-ms': 0 } })
  assert.equal(result.status, 124)
  assert.equal(result.stderr, 'plugins: cannot let test/plugin go on: it ran longer than 200 ms\n')
})

test('a person is told of a refusal, and so is the report', { skip }, () => {
  const folder = scratch()
  const result = handOver(folder, { exec: '/plugin/nothing' })
  assert.equal(result.status, 127)
  assert.match(result.stderr, /^plugins: cannot execute \/plugin\/nothing: [^\n]*\n$/)
  assert.equal(parseReport(readFileSync(join(folder, 'report'), 'utf8')).ended?.error, 'ENTRY_NOT_FOUND')
})

test('a file that cannot be executed is 126, and says so', { skip }, () => {
  const there = compartment()
  there.write('main', 'text', 0o644)
  const folder = scratch()
  const result = handOver(folder, { in: there })
  assert.equal(result.status, 126)
  assert.match(result.stderr, /^plugins: cannot execute \/plugin\/main: [^\n]*\n$/)
  assert.equal(parseReport(readFileSync(join(folder, 'report'), 'utf8')).ended?.error, 'ENTRY_NOT_EXECUTABLE')
})

test('a program that reads to its end sees the end of a pipe and of a file', { skip }, () => {
  const count = compile(
    '#include <stdio.h>\nint main(void) { long n = 0; while (getchar() != EOF) n++; printf("%ld", n); return 0; }',
  )
  const there = compartment(count)
  const input = 'x'.repeat(200_000)
  assert.equal(handOver(scratch(), { in: there }, [], { input }).stdout, '200000')
  assert.equal(handOver(scratch(), { in: there }, [], { input: '' }).stdout, '0')
  const file = join(scratch(), 'input')
  writeFileSync(file, input)
  for (const [path, read] of [
    [file, '200000'],
    ['/dev/null', '0'],
  ] as const) {
    const fd = openSync(path, 'r')
    assert.equal(handOver(scratch(), { in: there }, [], { stdio: [fd, 'pipe', 'pipe'] }).stdout, read)
    closeSync(fd)
  }
})

test('a specification that another could have made or read is not trusted', { skip }, () => {
  const made = (change: (file: string) => unknown): SpawnSyncReturns<string> => {
    const folder = scratch()
    const file = join(folder, 'spec')
    writeFileSync(file, encode(specification({ in: compartment(program) })), { mode: 0o600 })
    return spawnSync(launcherPath(), ['--spec', String(change(file) ?? file)], { encoding: 'utf8' })
  }
  const changes: readonly ((file: string) => unknown)[] = [
    (file) => chmodSync(file, 0o644),
    (file) => chmodSync(file, 0o400),
    (file) => chownSync(file, 65534, 65534),
    (file) => linkSync(file, `${file}2`),
    (file) => symlinkSync(file, `${file}2`) ?? `${file}2`,
    (file) => `${file}-missing`,
    (file) => join(file, '..'),
    () => '/dev/null',
  ]
  for (const change of changes) {
    const result = made(change)
    assert.equal(result.status, 125)
    assert.match(result.stderr, /^plugins: cannot [^\n]*\n$/)
    assert.equal(result.stdout, '')
  }
})

test('a report left unfinished by a crash is replaced', { skip }, () => {
  const folder = scratch()
  symlinkSync('/etc/passwd', join(folder, 'report.new'))
  const before = readFileSync('/etc/passwd', 'utf8')
  assert.equal(handOver(folder).status, 5)
  assert.equal(readFileSync('/etc/passwd', 'utf8'), before)
  assert.ok(existsSync(join(folder, 'report')))
})

test('wrong arguments are a sentence and 125', () => {
  for (const args of [['x'], ['--spec'], ['--probe', 'x'], ['--seal']]) {
    const result = spawnSync(launcherPath(), args, { encoding: 'utf8' })
    assert.equal(result.status, 125)
    assert.match(result.stderr, /^plugins: cannot understand/)
  }
})

test('the version names the machine', () => {
  const result = spawnSync(launcherPath(), ['--version'], { encoding: 'utf8' })
  assert.match(result.stdout, /^bulkhead-launch 1 (x86_64|aarch64)\n$/)
})
