// What only the host can tell: who is left after a run.

import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Run } from '../../../src/runtime/index.ts'
import { SLOW } from '../../helpers/patience.ts'
import { eventually, isAlive, type Layer, sleep } from '../../runtime/launcher/launch.ts'
import type { Language } from './arsenal.ts'
import type { Yard } from './yard.ts'

/** Is there a process of this uid that is none of `known`? It is ended then, and the leaves that it kept are removed. */
export function survivorsOf(uid: number, known: readonly number[]): string {
  const left = processesOf(uid).filter((pid) => !known.includes(pid))
  const leaves = new Set(left.flatMap(leavesHolding))
  for (const pid of left) process.kill(pid, 'SIGKILL')
  for (const leaf of leaves) removeLeaf(leaf)
  return left.length > 0 ? 'yes' : 'no'
}

/** The same of a run that has just ended its first process. */
export async function survivorsAfter(
  run: Run,
  uid: number,
  known: readonly number[],
  ended: Promise<unknown>,
): Promise<string> {
  const started = await run.started
  if (started === null) return `not run: ${JSON.stringify(await run.outcome)}`
  await eventually(() => !isAlive(started.pid), 20_000)
  await sleep(100)
  const words = survivorsOf(uid, [...known, run.pid])
  await ended
  return words
}

function processesOf(uid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isAlive(pid) && uidOf(pid) === uid)
}

function uidOf(pid: number): number | null {
  try {
    return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return null // it has ended
  }
}

/** Directories of cgroups of ours that hold the process. */
function leavesHolding(pid: number): string[] {
  const own = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  return own.split('\n').flatMap((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*bulkhead-suite.*)$/.exec(line) ?? []
    return mounts
      .filter(([, , type, options = '']) =>
        controllers === ''
          ? type === 'cgroup2'
          : type === 'cgroup' && controllers.split(',').every((one) => options.split(',').includes(one)),
      )
      .map(([, point = '']) => join(point, path))
      .filter((leaf) => path !== '' && existsSync(leaf))
  })
}

function removeLeaf(leaf: string): void {
  for (let tries = 0; tries < 200; tries++) {
    try {
      rmdirSync(leaf)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      // EBUSY: who was killed is still being taken down.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

/**
 * `plugins run` under a caller that is ended by SIGKILL: does the program go on? The run is handed over, so the launcher is
 * alone with it.
 */
export async function outlivesCaller(
  yard: Yard,
  language: Language,
  words: readonly string[],
  without: readonly Layer[],
): Promise<string> {
  yard.host.early()
  const plan = await yard.plan(language, words, { without, handsOver: true })
  const order = join(yard.folder, `order-${plan.run}`)
  writeFileSync(order, JSON.stringify({ plan, spool: yard.spool }), { mode: 0o600 })
  const program = join(import.meta.dirname, '../../runtime/plan/hand-over.ts')
  const caller = spawn('/bin/sh', ['-c', '"$0" "$1" "$2" & echo $!; wait', process.execPath, program, order], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let said = ''
  caller.stdout.setEncoding('latin1').on('data', (text: string) => (said += text))
  // Its own pid, and then what the program says when it is deaf to all signals.
  if (!(await eventually(() => said.includes('deaf'), 10_000 * SLOW)))
    throw new Error(`the handed-over run does not start: ${said}`)
  const launcher = Number.parseInt(said, 10)
  caller.kill('SIGKILL')
  const ended = await eventually(() => !isAlive(launcher), without.length > 0 ? 300 : 3000 * SLOW)
  if (!ended) {
    for (let tries = 0; tries < 2; tries++) process.kill(launcher, 'SIGTERM')
    await eventually(() => !isAlive(launcher), 5000 * SLOW)
  }
  return ended ? 'no' : 'yes'
}
