// Bytes go through unchanged, in both directions, at the reader's pace.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import {
  compartment,
  compile,
  encode,
  launch,
  launcherPath,
  needsRoot,
  scratch,
  sleep,
  specification,
  start,
} from './launch.ts'

const skip = needsRoot
const cat = compile(`
  #include <unistd.h>
  int main(void) { char b[30000]; for (long n; (n = read(0, b, sizeof b)) > 0;) for (long d = 0, w; d < n; d += w) if ((w = write(1, b + d, n - d)) < 0) return 1; return 0; }`)
const speaker = compile(`
  #include <stdlib.h>
  #include <unistd.h>
  #include <string.h>
  #include <errno.h>
  int main(int c, char **v) { static char b[65536]; memset(b, 'x', sizeof b); long left = atol(v[1]); while (left > 0) { long n = write(1, b, left < 65536 ? left : 65536); if (n < 0) return 40 + (errno == EPIPE); left -= n; } return 0; }`)

test('five million random bytes come back as they went in', { skip }, async () => {
  const bytes = randomBytes(5_000_000)
  const folder = scratch()
  writeFileSync(join(folder, 'in'), bytes)
  writeFileSync(join(folder, 'out'), '')
  const result = await launch({
    in: compartment(cat),
    stdio: [openSync(join(folder, 'in'), 'r'), openSync(join(folder, 'out'), 'w'), 'ignore'],
  })
  assert.equal(result.status, 0)
  const digest = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
  assert.equal(digest(readFileSync(join(folder, 'out'))), digest(bytes))
})

test('text typed in comes out, and the end of input ends the program', { skip }, async () => {
  const run = start({ in: compartment(cat), stdio: ['pipe', 'pipe', 'pipe'] })
  const stdin = run.process.stdin as Writable
  const stdout = run.process.stdout as Readable
  stdin.write('one\n')
  await new Promise((done) => stdout.once('data', done))
  stdin.end('two\n')
  const result = await run.result
  assert.equal(result.stdout, 'one\ntwo\n')
  assert.equal(result.status, 0)
})

test('a reader that does not read slows the program down and costs no memory', { skip }, async () => {
  const run = start({ in: compartment(speaker), args: [String(50_000_000)], stdio: ['ignore', 'pipe', 'pipe'] })
  const stdout = run.process.stdout as Readable
  stdout.pause()
  await run.started
  await sleep(300)
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${run.process.pid}/status`, 'utf8'))?.[1])
  assert.ok(rss < 1500, `${rss} KiB`)
  assert.equal(run.process.exitCode, null)
  stdout.resume()
  const result = await run.result
  assert.equal(result.stdout.length, 50_000_000)
})

test('the last output arrives however late it is read', { skip }, async () => {
  const run = start({ in: compartment(speaker), args: ['150000'], stdio: ['ignore', 'pipe', 'pipe'] })
  const stdout = run.process.stdout as Readable
  stdout.pause()
  await sleep(1500)
  stdout.resume()
  const result = await run.result
  assert.equal(result.stdout.length, 150_000)
  assert.equal(result.status, 0)
})

test('a reader that goes away ends the writer, as in any pipeline', { skip }, async () => {
  const folder = scratch()
  writeFileSync(join(folder, 'spec'), encode(specification({ in: compartment(speaker), args: ['100000000'] })))
  const text = execFileSync(
    '/bin/bash',
    ['-c', `"$0" 3<spec 4>report | head -c 5; echo " \${PIPESTATUS[0]}"`, launcherPath()],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  )
  assert.equal(text, 'xxxxx 141\n')
})

test('stderr and stdout stay apart, and are counted together', { skip }, async () => {
  const both = compile('#include <unistd.h>\nint main(void) { write(1, "out", 3); write(2, "error", 5); return 0; }')
  const result = await launch({ in: compartment(both), set: { 'output-bytes': 8 } })
  assert.equal(result.stdout, 'out')
  assert.equal(result.stderr, 'error')
  assert.equal(result.status, 0)
  assert.equal((await launch({ in: compartment(both), set: { 'output-bytes': 7 } })).ended?.limit, 'output')
})

test('a caller without standard descriptors is served, too', { skip }, async () => {
  const folder = scratch()
  writeFileSync(join(folder, 'spec'), encode(specification({ in: compartment(speaker), args: ['10'] })))
  execFileSync('/bin/bash', ['-c', `"$0" 3<spec 4>report 0<&- 1>&- 2>&-`, launcherPath()], { cwd: folder })
  assert.match(readFileSync(join(folder, 'report'), 'utf8'), /"outcome":"exited","code":0/)
})

test('the caller’s descriptors keep their flags', { skip }, async () => {
  // O_NONBLOCK on a shared terminal or pipe would surprise every other process that has it.
  const folder = scratch()
  writeFileSync(join(folder, 'spec'), encode(specification({ in: compartment(speaker), args: ['10'] })))
  const text = execFileSync(
    '/bin/bash',
    ['-c', `( "$0" 3<spec 4>report; grep flags /proc/self/fdinfo/1 >&2 ) 2>flags | cat; cat flags`, launcherPath()],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  )
  const flags = Number.parseInt(/flags:\s+(\d+)/.exec(text)?.[1] ?? '', 8)
  assert.equal(flags & 0o4000, 0, text)
})
