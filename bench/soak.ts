import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PluginManager } from '../src/index.ts'
import { treeOf } from './processes.ts'
import type { Stage } from './stage.ts'
import { type Row, rowOf } from './table.ts'

/** Every so many runs is one by the command, which hands itself over; the others are a host application's. */
const BY_COMMAND = 50

/**
 * Runs in a row, and then a look at everything that a run makes: what is left is said in the notes. The row tells whether
 * they became slower, as they would if something piled up.
 */
export async function soak(stage: Stage): Promise<Row[]> {
  const count = stage.rounds(10_000, 200)
  const { home, manager, name } = await stage.wordCount()
  const command = stage.plugins(home, 'run', name)
  // Any command takes up what the others left in the spool.
  const list = stage.plugins(home, 'list')
  const once = async (): Promise<number> => {
    const began = performance.now()
    const run = await manager.run(name, { stdio: { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } })
    assert.equal((await run.outcome).code, 0)
    return performance.now() - began
  }
  // What is opened once and kept is there before the first look.
  for (let warm = 0; warm < 20; warm++) await once()
  execFileSync(command[0] as string, command.slice(1), { stdio: 'ignore' })
  execFileSync(list[0] as string, list.slice(1), { stdio: 'ignore' })
  const before = await look(stage, home, manager)

  const began = performance.now()
  const took: number[] = []
  for (let run = 1; run <= count; run++) {
    if (run % BY_COMMAND === 0) execFileSync(command[0] as string, command.slice(1), { stdio: 'ignore' })
    else took.push(await once())
  }
  const seconds = (performance.now() - began) / 1000
  execFileSync(list[0] as string, list.slice(1), { stdio: 'ignore' })

  const after = await look(stage, home, manager)
  const left = Object.entries(after).map(([what, now]) => {
    const more = now - (before[what as keyof Traces] ?? 0)
    return `${more > 0 ? 'LEFT BEHIND: ' : ''}${more} ${what}`
  })
  stage.note(
    `${count} runs in a row, ${Math.floor(count / BY_COMMAND)} of them by the command: ${seconds.toFixed(1)} s, ` +
      `${Math.round(count / seconds)} a second; more than before: ${left.join(', ')}`,
  )
  const tenth = Math.floor(took.length / 10)
  const work = `${count} runs in a row: the last tenth`
  return [
    rowOf({ work, against: 'the first tenth', unit: 'ms', ours: took.slice(-tenth), theirs: took.slice(0, tenth) }),
  ]
}

interface Traces {
  readonly cgroups: number
  readonly mounts: number
  readonly processes: number
  readonly descriptors: number
  readonly 'staging files': number
  readonly 'spool folders': number
  readonly 'open runs': number
}

async function look(stage: Stage, home: string, manager: PluginManager): Promise<Traces> {
  // The kernel lets go of the last one's namespaces a moment later.
  await sleep(300)
  const history = manager.history(null, 1_000_000)
  const runs = new Set(history.map(({ id }) => `bulkhead-${id}`))
  return {
    cgroups: foldersUnder('/sys/fs/cgroup', 8).filter((name) => runs.has(name)).length,
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(stage.folder)).length,
    processes: treeOf(process.pid).length,
    descriptors: readdirSync('/proc/self/fd').length,
    'staging files': countIn(join(home, 'staging')),
    'spool folders': countIn(join(home, 'spool')),
    'open runs': history.filter(({ outcome }) => outcome === null).length,
  }
}

const countIn = (folder: string): number => (existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0)

/** Names of folders, to so many levels. */
function foldersUnder(folder: string, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => [name, ...(depth > 1 ? foldersUnder(join(folder, name), depth - 1) : [])])
  } catch {
    return []
  }
}
