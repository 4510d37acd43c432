// Another run of each plugin, under the same uid of the host: who could attack it is nobody but that plugin itself.

import { readdirSync, readFileSync } from 'node:fs'
import type { Run } from '../../../src/runtime/index.ts'
import { eventually, isAlive } from '../../runtime/launcher/launch.ts'
import type { Language } from './arsenal.ts'
import type { Yard } from './yard.ts'

interface Victim {
  readonly run: Run
  readonly ended: Promise<unknown>
  readonly pid: number
}

export class Victims {
  readonly #yard: Yard
  readonly #standing = new Map<Language, Victim>()

  constructor(yard: Yard) {
    this.#yard = yard
  }

  /** The host's pid of one that is alive. */
  async of(language: Language): Promise<string> {
    const known = this.#standing.get(language)
    if (known !== undefined && isAlive(known.pid)) return String(known.pid)
    const { run, spoke, ended } = await this.#yard.start(language, ['alone', language === 'c' ? 'deaf' : 'stand'])
    const started = await run.started
    if (started === null) throw new Error(`no victim stands: ${JSON.stringify(await run.outcome)}`)
    await spoke
    const victim = { run, ended, pid: childOf(started.pid) }
    this.#standing.set(language, victim)
    return String(victim.pid)
  }

  /** The kernel may take a moment to end it. */
  isDead(language: Language): Promise<boolean> {
    const { pid } = this.#standing.get(language) as Victim
    return eventually(() => !isAlive(pid), 300)
  }

  /** Every process of theirs, and of whom they are copies. */
  get pids(): readonly number[] {
    const standing = [...this.#standing.values()].flatMap(({ pid, run }) => [pid, run.pid, parentOf(pid)])
    return [...standing, ...this.#yard.parents]
  }

  async close(): Promise<void> {
    for (const { run, ended } of this.#standing.values()) {
      await run.close()
      await ended
    }
  }
}

function childOf(pid: number): number {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [child] = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ')
    if (child) return Number(child)
  }
  throw new Error(`the sandbox of pid ${pid} is empty`)
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return 0 // it has ended
  }
}
