import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { BareChannel, bareEcho, echo } from './echo.ts'
import { sumOf } from './processes.ts'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** Longer than a start-up takes: what is measured is the handing out, not who waits for the next one. */
const REFILL_MS = 500

/** A plugin in Node from `spawn` to its first answer: one that waits, one that is started, and a bare Node. */
export async function warm(stage: Stage): Promise<Row[]> {
  const { manager, name, folder } = await echo(stage, 'warm-home')
  const pool = await manager.warm(name, { size: 2 })
  const first = async (stdin: Writable | null, stdout: Readable | null): Promise<void> => {
    assert.deepEqual(await new BareChannel(stdin as Writable, stdout as Readable).call('echo', { n: 1 }), { n: 1 })
  }
  const waiting = async () => {
    for (
      const until = performance.now() + 10 * REFILL_MS;
      (await pool.stats()).waiting < 2 && performance.now() < until;
    )
      await sleep(20)
    const began = performance.now()
    const one = await pool.spawn()
    await first(one.stdin, one.stdout)
    const took = performance.now() - began
    await one.close()
    return took
  }
  const started = async () => {
    const began = performance.now()
    const one = await manager.spawn(name)
    await first(one.stdin, one.stdout)
    const took = performance.now() - began
    await one.close()
    return took
  }
  const bare = async () => {
    const began = performance.now()
    const child = bareEcho(folder)
    await first(child.stdin, child.stdout)
    const took = performance.now() - began
    child.kill('SIGKILL')
    await once(child, 'exit')
    return took
  }
  const memories: [number[], number[]] = [[], []]
  const memory = async () => {
    const child = bareEcho(folder)
    await first(child.stdin, child.stdout)
    await sleep(REFILL_MS)
    const { waiting: count, memoryBytes } = await pool.stats()
    memories[0].push((memoryBytes ?? Number.NaN) / count / 2 ** 20)
    memories[1].push(sumOf([child.pid as number], 'Rss'))
    child.kill('SIGKILL')
    await once(child, 'exit')
    return 0
  }
  await interleave(2, [waiting, started, bare])
  const [ours = [], cold = [], theirs = []] = await interleave(stage.rounds(30, 4), [waiting, started, bare])
  await interleave(stage.rounds(5, 2), [memory])
  const { warm: handedOut, cold: coldOnes } = await pool.stats()
  if (coldOnes > 0) stage.note(`warm: ${coldOnes} of ${coldOnes + handedOut} had to be started`)
  await manager.close()
  const row = { work: 'warm plugin in Node: spawn to first answer', ours, unit: 'ms' } as const
  return [
    rowOf({ ...row, against: 'cold node, bare', theirs, goal: atMost(0.1) }),
    rowOf({ ...row, against: 'the same, not warm', theirs: cold }),
    rowOf({
      work: 'memory of one that waits (its cgroup)',
      against: 'RSS of a bare node',
      unit: 'MiB',
      ours: memories[0],
      theirs: memories[1],
    }),
  ]
}
