import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** A program to time, with its absolute path first. */
export interface Contender {
  readonly argv: readonly string[]
  /** A file to find open at descriptor 3. */
  readonly fd3?: string
}

/** One contender's samples, a round each. */
export interface Timings {
  readonly ms: number[]
  readonly peakMiB: number[]
}

const OUTPUT_MAX = 64 * 2 ** 20

/** Starts and times programs from a small C program: between two system calls, and not between two turns of an event loop. */
export class Driver {
  readonly #binary: string
  readonly #env: NodeJS.ProcessEnv

  private constructor(binary: string, env: NodeJS.ProcessEnv) {
    this.#binary = binary
    this.#env = env
  }

  static async compile(folder: string, env: NodeJS.ProcessEnv): Promise<Driver> {
    const binary = join(folder, 'driver')
    // Static, and so small that its own memory cannot be taken for that of what it starts.
    const flags = ['-std=gnu11', '-O2', '-static', '-Wall', '-Wextra', '-Werror']
    await exec(process.env.CC ?? 'cc', [...flags, '-o', binary, join(import.meta.dirname, 'driver.c')])
    return new Driver(binary, env)
  }

  /** All of them in turn, `rounds` times each after `warmup` times unmeasured. @throws Error when one of them fails */
  async time(contenders: readonly Contender[], rounds: number, warmup = 0): Promise<Timings[]> {
    const named = contenders.flatMap(({ argv, fd3 }) => [fd3 ?? '-', String(argv.length), ...argv])
    const { stdout } = await exec(this.#binary, [String(rounds), String(warmup), ...named], {
      env: this.#env,
      maxBuffer: OUTPUT_MAX,
    })
    const timings = contenders.map((): Timings => ({ ms: [], peakMiB: [] }))
    for (const line of stdout.trimEnd().split('\n')) {
      const [which = 0, ns = 0, kib = 0] = line.split(' ').map(Number)
      timings[which]?.ms.push(ns / 1e6)
      timings[which]?.peakMiB.push(kib / 1024)
    }
    return timings
  }

  /** One run of one program, for work that needs a scene of its own each time. */
  async once(contender: Contender): Promise<number> {
    const [timings] = await this.time([contender], 1)
    return timings?.ms[0] ?? Number.NaN
  }
}
