// Other processes: not seen, not signalled, not left behind.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  compartment,
  eventually,
  isAlive,
  leavesOf,
  needsRoot,
  PLUGIN_UID,
  sleep,
  start,
} from '../../runtime/launcher/launch.ts'
import { account, attack, attackerProgram, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

test('processes of the host are not visible', { skip }, async () => {
  await holdsOnlyWith(['pid-namespace'], ['see_processes'], /^no 0$/, /^yes \d+$/)
})

test('a process of the same host uid outside cannot be signalled', { skip }, async () => {
  const victim = spawn('/bin/sleep', ['60'], { uid: PLUGIN_UID, gid: PLUGIN_UID })
  try {
    await holdsOnlyWith(
      ['pid-namespace', 'landlock'],
      ['signal_pid', String(victim.pid), '0'],
      /^no E(SRCH|PERM)$/,
      /^yes$/,
    )
    // Landlock's scope holds alone, too (ABI 6).
    const started = await attack(['signal_pid', String(victim.pid), '0'], { weaker: ['pid-namespace'] })
    if ((started.started?.landlockAbi ?? 0) >= 6) assert.equal(account(started), 'no EPERM')
  } finally {
    victim.kill('SIGKILL')
  }
})

test('a signal to its own group does not reach the launcher', { skip }, async () => {
  // The launcher would pass SIGUSR1 on to the payload, which ignores it; so what is watched is the group itself.
  await holdsOnlyWith(['session'], ['print_session'], /^2 2$/, /^0 0$/)
})

test('pid 1 of the sandbox can be neither inspected nor signalled to death', { skip }, async () => {
  assert.equal(account(await attack(['read_parent'])), 'no ENOENT', 'hidepid=invisible')
  const killed = await attack(['signal_pid', '1', '9'])
  assert.equal(killed.ended?.outcome, 'exited', 'pid 1 survives, and reports')
  assert.equal(account(await attack(['read_parent'], { weaker: ['proc'] })), 'no EACCES', 'not dumpable')
})

test('a survivor that ignores every signal and left its session dies with the run', { skip }, async () => {
  const there = compartment(attackerProgram())
  const result = await attack(['survive'], { in: there, data: true })
  assert.equal(result.stdout, 'left one behind\n')
  assert.ok(await isQuiet(join(there.data, 'alive')), 'nobody touches the file any more')
  assert.deepEqual(leavesOf('x'), [])
})

test('without a pid namespace the cgroup takes the survivor; without both it lives', { skip }, async () => {
  const there = compartment(attackerProgram())
  await attack(['survive'], { in: there, data: true, weaker: ['pid-namespace'] })
  assert.ok(await isQuiet(join(there.data, 'alive')))

  const loose = compartment(attackerProgram())
  const run = start({
    in: loose,
    args: ['survive'],
    data: true,
    weaker: ['pid-namespace', 'kill-tree', 'parent-death'],
  })
  // The launcher cannot remove the leaves while the survivor is inside; it gives up after two seconds.
  await run.result
  assert.ok(!(await isQuiet(join(loose.data, 'alive'))), 'the attack works once both layers are gone')
  for (const leaf of leavesOf(run.name))
    for (const pid of readFileSync(join(leaf, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL')
  await sleep(50)
})

async function isQuiet(file: string): Promise<boolean> {
  await sleep(150)
  const before = statSync(file, { bigint: true }).mtimeNs
  await sleep(200)
  return statSync(file, { bigint: true }).mtimeNs === before
}

test('the launcher killed by SIGKILL takes the payload with it, and the next run of that name sweeps its leaf', {
  skip,
}, async () => {
  const there = compartment(attackerProgram())
  const run = start({ in: there, args: ['deaf'], run: `swept-${process.pid}` })
  const { pid } = await run.started
  process.kill(run.process.pid ?? 0, 'SIGKILL')
  assert.equal((await run.result).signal, 'SIGKILL')
  assert.ok(await eventually(() => !isAlive(pid)), 'init died')
  assert.notDeepEqual(leavesOf(run.name), [], 'the leaf is left behind, empty')
  const again = await attack(['yes'], { in: there, run: run.name })
  assert.equal(account(again), 'yes')
  assert.deepEqual(leavesOf(run.name), [])
})

test('without parent-death the payload outlives a killed launcher', { skip }, async () => {
  const run = start({ in: compartment(attackerProgram()), args: ['deaf'], weaker: ['parent-death'] })
  const { pid } = await run.started
  process.kill(run.process.pid ?? 0, 'SIGKILL')
  await run.result.catch(() => {})
  await sleep(200)
  const survived = isAlive(pid)
  if (survived) process.kill(pid, 'SIGKILL')
  assert.ok(survived)
  await eventually(() => !isAlive(pid))
})

test('the launcher ends when the process that started it does', { skip }, async () => {
  // A small parent that starts the launcher and is killed; the launcher is watched from here.
  const { existsSync, writeFileSync } = await import('node:fs')
  const { encode, launcherPath, scratch, specification } = await import('../../runtime/launcher/launch.ts')
  const folder = scratch()
  for (const [layers, dies] of [
    [[], true],
    [['parent-death'], false],
  ] as const) {
    writeFileSync(
      join(folder, 'spec'),
      encode(specification({ in: compartment(attackerProgram()), args: ['deaf'], weaker: layers })),
    )
    const parent = spawn('/bin/sh', ['-c', `"$0" 3<spec 4>report & echo $!; wait`, launcherPath()], { cwd: folder })
    const pid = Number(await new Promise((done) => parent.stdout.once('data', (text: Buffer) => done(text.toString()))))
    const report = join(folder, 'report')
    assert.ok(await eventually(() => existsSync(report) && readFileSync(report, 'utf8').includes('started')))
    parent.kill('SIGKILL')
    if (dies) assert.ok(await eventually(() => !isAlive(pid)), 'the launcher followed its parent')
    else {
      await sleep(200)
      assert.ok(isAlive(pid), 'the layer does it')
      process.kill(pid, 'SIGTERM')
      assert.ok(await eventually(() => !isAlive(pid)))
    }
  }
})
