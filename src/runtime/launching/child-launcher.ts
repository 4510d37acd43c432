import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import {
  CONTROL_FD,
  dropUnread,
  type LauncherProcess,
  type LauncherStart,
  REPORT_FD,
  SPEC_FD,
} from './launcher-process.ts'

/** A launcher that is a child of this process. `null`: this process is at its limit of open files. */
export function startChild({ binary, title, stdio }: LauncherStart): LauncherProcess | null {
  // Looked up when a run starts, not when this module loads: `plugins run` hands over and never needs it.
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn(binary, [], { argv0: title, cwd: '/', env: {}, stdio: [...stdio, 'pipe', 'pipe', 'pipe'] })
  if ((child.stdio as unknown) !== undefined) return new ChildLauncher(child)
  // The reason comes in a turn of its own, and is this.
  child.on('error', () => {})
  return null
}

class ChildLauncher implements LauncherProcess {
  readonly pid: number | undefined
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly specification: Writable
  readonly report: Readable
  readonly control: Writable
  readonly gone: Promise<string>
  readonly failed: Promise<Error>
  readonly #child: ChildProcess
  readonly #streams: readonly unknown[]

  constructor(child: ChildProcess) {
    this.#child = child
    // Node's types end at the fifth stream.
    const streams: readonly unknown[] = [...child.stdio]
    this.#streams = streams
    this.pid = child.pid
    this.stdin = child.stdin
    this.stdout = child.stdout
    this.stderr = child.stderr
    this.specification = streams[SPEC_FD] as Writable
    this.report = streams[REPORT_FD] as Readable
    this.control = streams[CONTROL_FD] as Writable
    this.gone = new Promise((done) => child.once('exit', (code, signal) => done(signal ?? `exit ${code}`)))
    this.failed = new Promise((done) => child.on('error', done))
    keepUnread(child)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  wake(): void {
    this.#child.kill('SIGCONT')
  }

  keepAlive(how: 'ref' | 'unref'): void {
    this.#child[how]()
    // Each is a socket; Node's types know it as the stream it is used as.
    // One that is gone would listen for a connection that never comes, once for each call.
    for (const stream of this.#streams as (Partial<Socket> | null)[]) if (stream?.destroyed === false) stream[how]?.()
  }
}

/** Node throws away what nobody has begun to read when a child exits. A program may be gone before its host has come round to it. */
function keepUnread(child: ChildProcess): void {
  const streams: unknown[] = child.stdio
  const outputs = [child.stdout, child.stderr]
  for (const fd of [1, 2]) streams[fd] = null
  child.once('exit', () => dropUnread(outputs))
}
