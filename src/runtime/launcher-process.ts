import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'

/** One stream of the plugin: a pipe to this process, nothing, this process's own, or an open descriptor. */
export type RunStream = 'pipe' | 'ignore' | 'inherit' | number

/** Everything that a launcher is started with; what it is to do, it is told in its specification. */
export interface LauncherStart {
  readonly binary: string
  /** What `ps` shows of it. */
  readonly title: string
  readonly stdio: readonly [RunStream, RunStream, RunStream]
}

export const SPEC_FD = 3
export const REPORT_FD = 4
export const CONTROL_FD = 5

/**
 * A launcher that does nothing before it has read its specification, and ends when there is none. At its limit of open files
 * this process gets one without `stdio`, and the reason as an event.
 */
export function startLauncher({ binary, title, stdio }: LauncherStart): ChildProcess {
  // Looked up when a run starts, not when this module loads: `plugins run` hands over and never needs it.
  const { spawn } = process.getBuiltinModule('node:child_process')
  return spawn(binary, [], { argv0: title, cwd: '/', env: {}, stdio: [...stdio, 'pipe', 'pipe', 'pipe'] })
}

export const hasStreams = (child: ChildProcess): boolean => (child.stdio as unknown) !== undefined

/** Whether this process waits for it, `streams` being those it was started with. */
export function keepAlive(child: ChildProcess, streams: readonly unknown[], how: 'ref' | 'unref'): void {
  child[how]()
  // Each is a socket; Node's types know it as the stream it is used as.
  for (const stream of streams) (stream as Partial<Socket> | null)?.[how]?.()
}
