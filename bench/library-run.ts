import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { bwrapOf, type Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { atMost, type Row, rowOf } from './table.ts'

/** The same run from a host application: until its output was read to the end and it is known how it ended. */
export async function libraryRun(stage: Stage): Promise<Row[]> {
  const { manager, name, path } = await stage.wordCount()
  const [command = '', ...args] = bwrapOf(path)

  const ours = async (): Promise<number> => {
    const began = performance.now()
    const run = await manager.run(name, { stdio: { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' } })
    const [outcome, output] = await Promise.all([run.outcome, text(run.stdout as Readable)])
    const took = performance.now() - began
    assert.deepEqual([outcome.code, output], [0, EMPTY])
    return took
  }
  const bwrap = async (): Promise<number> => {
    const began = performance.now()
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], env: {} })
    const [code, output] = await Promise.all([new Promise((done) => child.once('exit', done)), text(child.stdout)])
    const took = performance.now() - began
    assert.deepEqual([code, output], [0, EMPTY])
    return took
  }

  const measure = async (work: string): Promise<Row> => {
    await interleave(stage.rounds(10, 3), [ours, bwrap])
    const [first = [], second = []] = await interleave(stage.rounds(200, 30), [ours, bwrap])
    const row = { work, against: 'spawn of bwrap', unit: 'ms', goal: atMost(0.5) } as const
    return rowOf({ ...row, ours: first, theirs: second })
  }
  const small = await measure('manager.run: static program')
  // As a server, a CI system or an agent has in memory. It is held until the end, or it would be collected meanwhile.
  const memory = Array.from({ length: HOST_MIB }, () => Buffer.alloc(2 ** 20, 1))
  const large = await measure(`manager.run, from a host with ${memory.length} MiB more in memory`)
  assert.equal(memory.length, HOST_MIB)
  return [small, large]
}

const HOST_MIB = 256

/** What word-count says of nothing. */
const EMPTY = 'lines 0\nwords 0\nbytes 0\n'
