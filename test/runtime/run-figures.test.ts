// What a run uses, read from another process: with every hierarchy of cgroups, without any, and by every engine.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  figuresOf,
  findLauncher,
  forgetSpool,
  Launcher,
  leavesOf,
  makeSpoolFolder,
  minutesOf,
} from '../../src/runtime/index.ts'
import { compile } from '../helpers/compile.ts'
import { SLOW } from '../helpers/patience.ts'
import { cannotLaunch, makeHouse } from './plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)
const MiB = 2 ** 20

/** Holds 8 MiB and a few files, in two processes, one of which is busy. */
const HOLDS = `#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  char *m = malloc(8 << 20);
  for (int i = 0; i < 8 << 20; i += 4096) m[i] = 1;
  for (int i = 0; i < 7; i++) open("/dev/null", O_RDONLY);
  if (fork() == 0) for (volatile long i = 0;; i++);
  write(1, "up", 2);
  for (;;) pause(); }`
const exec = { entry: { runtime: 'exec', path: 'bin/x' }, limits: { memory: '64M', cpu: 0.2 } }

for (const engine of ['native', 'runc', 'crun'] as const) {
  test(`${engine}: cgroups, /proc and the launcher's own samples tell one story`, { skip }, async (t) => {
    const house = makeHouse(t, { sampleMs: 100 })
    const files = { 'bin/x': { copy: await compile(HOLDS, { static: true }) } }
    const { planner, layout } = house
    const plan = await planner.prepare(house.request(exec, files, { engine })).catch((error) => {
      if (error.code !== 'ENGINE_UNAVAILABLE') throw error
      t.skip(error.message)
      return null
    })
    if (plan === null) return
    const folder = makeSpoolFolder(layout.spool, plan.run)
    const run = new Launcher({ binary: findLauncher() }).start(plan, {}, { folder })
    t.after(() => run.close())
    await new Promise((resolve) => run.stdout?.once('data', resolve))
    const before = figuresOf(run.pid, leavesOf(plan))
    await sleep(600 * SLOW)
    const seen = figuresOf(run.pid, leavesOf(plan))
    const withoutCgroups = figuresOf(run.pid, [])
    await run.close()
    const [minute] = minutesOf(layout.spool, plan.run)
    forgetSpool(layout.spool, plan.run)

    assert.ok(minute !== undefined, 'there is a minute')
    for (const figures of [seen, withoutCgroups]) {
      assert.equal(figures.processes, 2)
      assert.equal(figures.processes, minute.processes?.peak)
      assert.equal(figures.files, 10)
      assert.equal(figures.files, minute.filesPeak)
      assert.ok((figures.memoryBytes ?? 0) > 8 * MiB && (figures.memoryBytes ?? 0) < 24 * MiB, JSON.stringify(figures))
      assert.ok((figures.ioReadBytes ?? -1) >= 0 && (figures.ioWriteBytes ?? -1) >= 0, JSON.stringify(figures))
    }
    assert.ok(Math.abs((seen.memoryBytes ?? 0) - (minute.memoryBytes?.average ?? 0)) < 2 * MiB)
    assert.ok((seen.cpuMs ?? 0) > (before.cpuMs ?? 0), 'it goes on')
    assert.ok((seen.cpuMs ?? 0) - (before.cpuMs ?? 0) < 600 * SLOW, 'and is held to a fifth of a processor')
  })
}

test('of a process that is gone there is no figure', () => {
  assert.deepEqual(figuresOf(2 ** 22, ['/sys/fs/cgroup/bulkhead/bulkhead-none']), {
    cpuMs: null,
    memoryBytes: null,
    processes: 0,
    files: null,
    ioReadBytes: null,
    ioWriteBytes: null,
  })
})
