import assert from 'node:assert/strict'
import type { Readable, Writable } from 'node:stream'
import { BareChannel, bareEcho, echo } from './echo.ts'
import type { Stage } from './stage.ts'
import { interleave, quantile } from './statistics.ts'
import { type Row, rowOf } from './table.ts'

const PARAMS = { city: 'Oslo', days: 3, units: 'si' }
const AT_ONCE = 64

/** A call of a loaded plugin, beside the same one of a bare child process: the same program, without a sandbox, a bound or a handle. */
export async function calls(stage: Stage): Promise<Row[]> {
  const { manager, name, folder } = await echo(stage, 'calls-home')
  const child = bareEcho(folder)
  try {
    const plugin = await manager.load(name)
    const bare = new BareChannel(child.stdin as Writable, child.stdout as Readable)
    const contenders = [plugin, bare] as const
    const count = stage.rounds(500, 100)
    const p99s: [number[], number[]] = [[], []]
    const cpus: [number[], number[]] = [[], []]
    const one = (which: 0 | 1) => async () => {
      const took: number[] = []
      for (let i = 0; i < count; i++) {
        const began = performance.now()
        assert.deepEqual(await contenders[which].call('echo', PARAMS), PARAMS)
        took.push(performance.now() - began)
      }
      p99s[which].push(quantile(took, 0.99))
      return quantile(took, 0.5)
    }
    const crowd = stage.rounds(20_000, 2_000)
    const many = (which: 0 | 1) => async () => {
      let left = crowd
      const cpu = process.cpuUsage()
      const began = performance.now()
      const worker = async () => {
        while (left-- > 0) await contenders[which].call('echo', PARAMS)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      const took = performance.now() - began
      const { user, system } = process.cpuUsage(cpu)
      cpus[which].push((user + system) / crowd)
      return took
    }
    await interleave(2, [one(0), one(1), many(0), many(1)])
    for (const samples of [...p99s, ...cpus]) samples.length = 0
    const [ours = [], theirs = []] = await interleave(stage.rounds(20, 3), [one(0), one(1)])
    const [crowdOurs = [], crowdTheirs = []] = await interleave(stage.rounds(10, 2), [many(0), many(1)])
    const perSecond = (samples: readonly number[]) => Math.round((crowd / quantile(samples, 0.5)) * 1000)
    const perCore = (samples: readonly number[]) => Math.round(1e6 / quantile(samples, 0.5))
    stage.note(
      `calls, ${AT_ONCE} at a time: ${perSecond(crowdOurs)} a second, bare ${perSecond(crowdTheirs)}; ` +
        `a core of the host is busy with ${perCore(cpus[0])} a second, bare ${perCore(cpus[1])}`,
    )
    await plugin.close()
    const row = { against: 'a bare child', unit: 'ms' } as const
    return [
      rowOf({ ...row, work: 'call of a loaded plugin, p50', ours, theirs }),
      rowOf({ ...row, work: 'call of a loaded plugin, p99', ours: p99s[0], theirs: p99s[1] }),
      rowOf({
        ...row,
        work: `${crowd.toLocaleString('en')} calls, ${AT_ONCE} at a time`,
        ours: crowdOurs,
        theirs: crowdTheirs,
      }),
    ]
  } finally {
    child.kill('SIGKILL')
    await manager.close()
  }
}
