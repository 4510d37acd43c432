// Eating the host: processes, memory, disk, descriptors, output, time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOW } from '../../helpers/patience.ts'
import { cgroups, compartment, leavesOf, needsRoot, start } from '../../runtime/launcher/launch.ts'
import { account, attack, attackerProgram, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot
const MIB = 1048576

test('a fork bomb stops at the limit, and the report says so', { skip }, async () => {
  const bomb = await attack(['fork_bomb'], { set: { processes: 20 } })
  assert.equal(bomb.stdout.trim(), '19', 'its own process is the twentieth')
  assert.deepEqual(bomb.ended?.limitsMet, ['processes'])
  // Kernels before 6.10 or so do not remember the peak.
  assert.ok([20, null].includes(bomb.ended?.usage.processesPeak ?? null))
  const loose = await attack(['fork_bomb'], { set: { processes: 20 }, weaker: ['processes'] })
  assert.equal(loose.stdout.trim(), '300')
})

test('the limit of processes holds without a pids cgroup, by rlimit in the user namespace', { skip }, async () => {
  const set = { processes: 20, 'cgroup1-pids': undefined, 'cgroup2-controllers': undefined }
  const bomb = await attack(['fork_bomb'], { set: cgroups().kind === 'v2' ? { processes: 20 } : set })
  assert.equal(bomb.stdout.trim(), '19')
})

test('a memory hog is killed, and that is the outcome', { skip }, async () => {
  const run = start({
    in: compartment(attackerProgram()),
    args: ['eat_memory', String(64 * MIB)],
    set: { 'memory-bytes': 16 * MIB },
  })
  const hog = await run.result
  assert.equal(hog.ended?.outcome, 'limited')
  assert.equal(hog.ended?.limit, 'memory')
  assert.equal(hog.status, 137)
  assert.ok((hog.ended?.usage.memoryPeakBytes ?? 0) <= 16 * MIB)
  assert.deepEqual(leavesOf(run.name), [])
  const loose = await attack(['eat_memory', String(64 * MIB)], {
    set: { 'memory-bytes': 16 * MIB },
    weaker: ['memory'],
  })
  assert.equal(account(loose), 'yes')
})

test('a child that falls to the memory limit is mentioned; its parent decides how the run ends', {
  skip: skip || (cgroups().kind === 'v2' && 'with v2 the whole group falls'),
}, async () => {
  const result = await attack(['child_eats', String(64 * MIB)], { set: { 'memory-bytes': 16 * MIB } })
  assert.equal(result.ended?.outcome, 'exited')
  assert.equal(result.ended?.code, 3)
  assert.ok(result.ended?.limitsMet.includes('memory'))
})

test('/tmp is full at its size, and counts as memory', { skip }, async () => {
  const full = await attack(['fill', '/tmp/x', String(64 * MIB)], { set: { 'tmp-bytes': 4 * MIB } })
  assert.equal(account(full), 'no ENOSPC')
  assert.ok(full.ended?.limitsMet.includes('tmp'))
  const roomy = await attack(['fill', '/tmp/x', String(32 * MIB)], { set: { 'tmp-bytes': 64 * MIB } })
  assert.equal(account(roomy), 'yes')
  const counted = await attack(['fill', '/tmp/x', String(64 * MIB)], {
    set: { 'tmp-bytes': 64 * MIB, 'memory-bytes': 16 * MIB },
  })
  assert.equal(counted.ended?.limit, 'memory')
})

test('/tmp runs out of inodes before the host does', { skip }, async () => {
  const full = await attack(['many_files', '500'], { set: { 'tmp-inodes': 100 } })
  assert.equal(account(full), 'no ENOSPC')
  assert.ok(full.ended?.limitsMet.includes('tmp'))
  assert.equal(account(await attack(['many_files', '500'], { set: { 'tmp-inodes': 1000 } })), 'yes')
})

test('descriptors run out at their limit', { skip }, async () => {
  await holdsOnlyWith(['rlimits'], ['many_fds'], /^29$/, /^\d{3,}$/, { set: { files: 32 } })
})

test('a file larger than allowed ends the run', { skip }, async () => {
  const large = await attack(['fill', '/tmp/x', String(8 * MIB)], { set: { 'file-size-bytes': MIB } })
  assert.equal(large.ended?.outcome, 'limited')
  assert.equal(large.ended?.limit, 'file-size')
  assert.equal(large.status, 153)
  const loose = await attack(['fill', '/tmp/x', String(8 * MIB)], {
    set: { 'file-size-bytes': MIB },
    weaker: ['rlimits'],
  })
  assert.equal(account(loose), 'yes')
})

test('a flood of output is cut at the limit and ends the run', { skip }, async () => {
  const flood = await attack(['flood', String(64 * MIB)], { set: { 'output-bytes': MIB } })
  assert.equal(flood.ended?.limit, 'output')
  assert.equal(flood.status, 153)
  assert.equal(flood.stdout.length, MIB)
  const exact = await attack(['flood', String(MIB)], { set: { 'output-bytes': MIB } })
  assert.equal(exact.ended?.outcome, 'exited')
  assert.equal(exact.stdout.length, MIB)
})

test('an endless program that ignores SIGTERM ends with its time and grace', { skip }, async () => {
  const began = Date.now()
  // Time enough to have become deaf, also on an emulated machine.
  const late = await attack(['deaf'], { set: { 'timeout-ms': 300 * SLOW, 'grace-ms': 200 * SLOW } })
  const took = Date.now() - began
  assert.equal(late.ended?.limit, 'wall-time')
  assert.equal(late.ended?.signal, 'SIGKILL')
  assert.equal(late.status, 124)
  assert.ok(took >= 490 * SLOW && took < 1500 * SLOW, `${took} ms`)
})

test('a program that says nothing is idle', { skip }, async () => {
  const idle = await attack(['sleep_ms', '5000'], { set: { 'idle-ms': 200, 'grace-ms': 200 } })
  assert.equal(idle.ended?.limit, 'idle')
  assert.equal(idle.status, 124)
})

test('cpu is shared out, and throttling is mentioned', { skip }, async () => {
  const slow = await attack(['burn', '200'], { set: { 'cpu-permille': 200 } })
  assert.ok(
    (slow.ended?.usage.wallMs ?? 0) > 600,
    `200 ms of work at a fifth of a processor took ${slow.ended?.usage.wallMs} ms`,
  )
  assert.ok(slow.ended?.limitsMet.includes('cpu'))
  const loose = await attack(['burn', '200'], { set: { 'cpu-permille': 200 }, weaker: ['cpu'] })
  assert.ok(!loose.ended?.limitsMet.includes('cpu'), 'without the limit nothing throttles it')
})

for (const permille of [250, 500]) {
  test(`over two seconds a program gets its ${permille / 10} % of a processor, within a tenth`, { skip }, async () => {
    const emulated = process.env.BULKHEAD_VM !== undefined
    const set = { 'cpu-permille': permille, 'timeout-ms': 60_000 }
    let got = 0
    // Never more, in any try. Whoever else keeps the machine busy can only take of it, so less is looked at again.
    for (let tries = 0; tries < 3 && got < permille * 0.9; tries++) {
      got = Number((await attack(['burn_for', '2000'], { set })).stdout)
      assert.ok(got > 0 && got <= permille * (emulated ? 1.2 : 1.1), `${got} of ${permille} thousandths`)
    }
    assert.ok(got >= permille * (emulated ? 0.5 : 0.9), `${got} of ${permille} thousandths`)
    const loose = await attack(['burn_for', '300'], { set, weaker: ['cpu'] })
    assert.ok(!loose.ended?.limitsMet.includes('cpu'), 'without the limit nothing throttles it')
    // Emulated processors take turns on one thread, so nobody gets more than a share of it.
    if (!emulated) assert.ok(Number(loose.stdout) > permille * 1.2, `without the layer: ${loose.stdout}`)
  })
}

test('a limit that no cgroup can hold is refused, not ignored', {
  skip: skip || (cgroups().kind === 'v2' && 'v1 keys'),
}, async () => {
  for (const [key, layer] of [
    ['cgroup1-memory', 'memory'],
    ['cgroup1-cpu', 'cpu'],
  ] as const) {
    const refused = await attack(['yes'], { set: { [key]: undefined } })
    assert.equal(refused.ended?.error, 'LAYER_UNAVAILABLE')
    assert.equal(refused.ended?.layer, layer)
    assert.equal(refused.status, 125)
  }
})
