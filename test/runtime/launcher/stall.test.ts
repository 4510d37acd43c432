// Shortages that would hang a runtime for ever: the kernel ends neither, so the launcher does, as the limit it is.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import {
  type Compartment,
  cgroups,
  compartment,
  compile,
  launch,
  needsRoot,
  type Result,
  type Run,
  scratch,
  sleep,
  start,
  systemLibraries,
} from './launch.ts'

const MIB = 1048576
const STALL = 2000 * SLOW
const skip = needsRoot
const python = '/usr/bin/python3'

/** What lies in memory anyway is never read back from a disk. */
const TMPFS = 0x01021994
const onDisk = skip || (statfsSync(scratch()).type === TMPFS ? 'the folder for temporary files is in memory' : false)

/** Out of the page cache: then whoever reads it first is charged for it. */
const forget =
  onDisk === false
    ? compile(`
        #include <fcntl.h>
        #include <unistd.h>
        int main(int c, char **v) {
          int fd = open(v[1], O_RDWR);
          return fd < 0 || fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }`)
    : ''

/** A runtime of the plugin's own, as a package of type `exec` brings it. */
function withRuntime(from: string, script: string): Compartment {
  const there = compartment()
  const runtime = join(there.root, 'plugin', 'runtime')
  execFileSync('install', ['-m', '755', realpathSync(from), runtime])
  execFileSync(forget, [runtime])
  there.write('main', script)
  return there
}

const ran = (there: Compartment, set: Run['set'], rest: Partial<Run> = {}): Promise<Result> =>
  launch({
    in: there,
    exec: '/plugin/runtime',
    args: ['/plugin/main'],
    env: { PATH: '/usr/bin', HOME: '/tmp' },
    add: systemLibraries(),
    ...rest,
    set: { 'stall-ms': STALL, 'timeout-ms': 6 * STALL, ...set },
  })

function assertStood(result: Result, limit: 'memory' | 'processes'): void {
  assert.equal(result.ended?.outcome, 'limited', result.report + result.stderr)
  assert.equal(result.ended.limit, limit, result.report)
  assert.equal(result.status, 137)
  assert.match(result.ended.reason ?? '', /^cannot let test\/plugin go on: /)
  assert.ok((result.ended.usage.wallMs ?? 0) < 3 * STALL, `${result.ended.usage.wallMs} ms`)
}

/** Holds so much that its own code has no room beside it, and then works. */
const NODE_HOLDS = `
  const held = []; for (let i = 0; i < 70; i++) held.push(Buffer.alloc(1 << 20, 1))
  const zlib = require('zlib'), crypto = require('crypto')
  for (let n = 0; ; n++) { JSON.parse(JSON.stringify({ n })); crypto.createHash('sha256').update('x' + n).digest(); zlib.gzipSync('x' + n) }`

test('Node that reads its own code back for ever is ended as out of memory', { skip: onDisk }, async () => {
  const there = withRuntime(process.execPath, NODE_HOLDS)
  assertStood(await ran(there, { 'memory-bytes': 96 * MIB, processes: 64 }), 'memory')
  const unwatched = await ran(there, { 'memory-bytes': 96 * MIB, processes: 64, 'stall-ms': 0, 'timeout-ms': STALL })
  assert.equal(unwatched.ended?.limit, 'wall-time', 'without being watched it only ends by the clock')
  assert.ok(unwatched.ended.limitsMet.includes('memory'), 'which says why')
})

test('Python with too little memory to start is ended as out of memory', {
  skip: onDisk || (!existsSync(python) && 'no system Python'),
}, async () => {
  assertStood(await ran(withRuntime(python, 'print("hi")'), { 'memory-bytes': 4 * MIB }), 'memory')
})

test('Python that reads much through the page cache goes on: that is work', {
  skip: onDisk || (!existsSync(python) && 'no system Python'),
}, async () => {
  const reads = `
import time
with open('/tmp/ran', 'w') as f: f.write('x')
end = time.time() + ${(2 * STALL) / 1000}
with open('/data/big', 'wb') as f:
  for i in range(48): f.write(bytes(1 << 20))
with open('/data/big', 'rb', buffering=0) as f:
  while time.time() < end:
    if not f.read(1 << 16): f.seek(0)
`
  const result = await ran(withRuntime(python, reads), { 'memory-bytes': 32 * MIB }, { data: true })
  assert.equal(result.ended?.outcome, 'exited', result.report + result.stderr)
})

const node = (script: string): Omit<Run, 'set'> => {
  const there = compartment()
  there.write('main.js', script)
  return {
    in: there,
    exec: '/node/node',
    args: ['/plugin/main.js'],
    env: { PATH: '/usr/bin', HOME: '/tmp' },
    add: [...systemLibraries(), ['bind-exec', `${realpathSync(dirname(process.execPath))}\t/node`]],
  }
}
const counted = cgroups().fields.some(([key, value]) => key === 'cgroup1-pids' || /pids/.test(String(value)))
const noPids = skip || (counted ? false : 'no pids cgroup, so nobody counts refused processes')

test('Node with too few processes for its own threads is ended as out of processes', { skip: noPids }, async () => {
  const run = node('console.log("never")')
  const set = { 'memory-bytes': 256 * MIB, processes: 4, 'timeout-ms': 6 * STALL }
  const stood = await launch({ ...run, set: { ...set, 'stall-ms': STALL } })
  assertStood(stood, 'processes')
  assert.ok(!stood.ended?.limitsMet.includes('processes'), 'it is the limit that ended it')
  const unwatched = await launch({ ...run, set: { ...set, 'timeout-ms': STALL } })
  assert.equal(unwatched.ended?.limit, 'wall-time')
  // On a slow machine it may need more than its share before it stands still.
  assert.deepEqual(
    unwatched.ended.limitsMet.filter((limit) => limit !== 'cpu'),
    ['processes'],
  )
})

test('a server that was refused a process and waits for its host goes on', { skip: noPids }, async () => {
  const server = compile(`
    #include <unistd.h>
    int main(void) { char c; for (int i = 0; i < 9; i++) if (fork() == 0) { pause(); _exit(0); }
      return read(0, &c, 1) != 1 || write(1, "served", 6) != 6; }`)
  const set = { processes: 4, 'stall-ms': STALL, 'timeout-ms': 6 * STALL }
  const run = start({ in: compartment(server), set, stdio: ['pipe', 'pipe', 'pipe'] })
  await sleep(2 * STALL)
  run.process.stdin?.end('x')
  const result = await run.result
  assert.equal(result.stdout, 'served', result.report)
  assert.deepEqual([result.ended?.code, result.ended?.limitsMet], [0, ['processes']])
})
