import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { SCAN_OUTPUT_BYTES, type ScanEnd } from '../core/scan-verdict.ts'
import { readKernel } from './proc.ts'

/** One look of an operator's program at a release. */
export interface ScanRequest {
  readonly command: readonly [string, ...string[]]
  /** Beside `PATH`, `LANG` and `HOME`, which every scanner has; nothing of ours is passed on. */
  readonly env: Readonly<Record<string, string>>
  /** Written to its standard input, which then ends. */
  readonly input: string
  readonly timeoutMs: number
}

export interface Scanned {
  readonly end: ScanEnd
  /** The last of what it wrote to its standard error. */
  readonly stderr: string
  readonly wallMs: number
}

/** What is kept of standard error: the last lines say what went wrong. */
const STDERR_KEPT = 4096
/** Once nobody of its session is left, what is still in the pipes is there to be read. */
const DRAIN_MS = 1_000

/**
 * Runs a scanner to its end, in a session of its own. When it has ended, whichever way, nothing that it started is left:
 * every process of its session is killed, and every one that left the session and has the mark of this scan in its
 * environment.
 */
export async function runScanner(request: ScanRequest): Promise<Scanned> {
  const startedMs = performance.now()
  const mark = randomBytes(16).toString('hex')
  const told = (end: ScanEnd, stderr: string) => ({ end, stderr, wallMs: Math.round(performance.now() - startedMs) })
  // Before there is anything to end: a signal that comes while it is being started is heard when it has been.
  const life = endWithUs()
  let child: ChildProcessWithoutNullStreams
  try {
    child = start(request, mark)
  } catch (error) {
    life.stopWatching()
    // An argument list that is too long, or a file that is no program, is thrown; what is not there comes as an event.
    return told({ kind: 'not-started', reason: (error as Error).message }, '')
  }
  const output = new Output(child.stdout)
  const errors = new Tail(child.stderr)
  const exited = exitOf(child)
  const { pid } = child
  if (pid === undefined) {
    life.stopWatching()
    return told((await exited)(output.bytes), '')
  }
  life.watch(pid)
  const closed = new Promise((resolve) => child.once('close', resolve))
  try {
    const ended = await Promise.race([exited, output.flooded, overrun(request.timeoutMs)])
    const isGone = await endAll(pid, mark)
    await Promise.race([closed, sleep(DRAIN_MS, undefined, { ref: false })])
    return told(isGone ? ended(output.bytes) : { kind: 'survived' }, errors.text())
  } finally {
    life.stopWatching()
    for (const stream of child.stdio) stream?.destroy()
  }
}

function start({ command, env, input }: ScanRequest, mark: string): ChildProcessWithoutNullStreams {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const [program, ...args] = command
  const child = spawn(program, args, {
    cwd: '/',
    // A session of its own: its group can be killed as a whole, and a terminal's Ctrl-C is ours to pass on.
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: homeOf(), ...env, [MARK]: mark },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // A scanner need not read what it is told, and may end before it has.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return child
}

/** The environment variable that tells the processes of one scan from all others. */
const MARK = 'BULKHEAD_SCAN'

/** From the list of users, not from our own environment; a uid that no list knows has none. */
function homeOf(): string {
  try {
    return userInfo().homedir
  } catch {
    return '/'
  }
}

type Ended = (stdout: Buffer) => ScanEnd

function exitOf(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(() => ({ kind: 'not-started', reason: message })))
    child.once('exit', (code, signal) =>
      resolve((stdout) => {
        if (code === null) return { kind: 'signalled', signal: signal ?? 'a signal' }
        // Seen to the end only now: the last of it may have come after the process had ended.
        return stdout.length > SCAN_OUTPUT_BYTES ? { kind: 'flooded' } : { kind: 'exited', code, stdout }
      }),
    )
  })
}

const overrun = (timeoutMs: number): Promise<Ended> =>
  sleep<Ended>(timeoutMs, () => ({ kind: 'overran' }), { ref: false })

/** Standard output, up to one byte more than it may be. */
class Output {
  readonly #chunks: Buffer[] = []
  #length = 0
  readonly flooded: Promise<Ended>

  constructor(stream: NodeJS.ReadableStream) {
    this.flooded = new Promise((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        if (this.#length > SCAN_OUTPUT_BYTES) return
        const taken = chunk.subarray(0, SCAN_OUTPUT_BYTES + 1 - this.#length)
        this.#chunks.push(taken)
        this.#length += taken.length
        if (this.#length > SCAN_OUTPUT_BYTES) resolve(() => ({ kind: 'flooded' }))
      })
      // A pipe that breaks has given what it had; what is missing in it is no JSON, and refuses.
      stream.on('error', () => {})
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

/** The last of a stream, however much comes. */
class Tail {
  #kept = Buffer.alloc(0)

  constructor(stream: NodeJS.ReadableStream) {
    stream.on('data', (chunk: Buffer) => {
      this.#kept = Buffer.concat([this.#kept, chunk.subarray(-STDERR_KEPT)]).subarray(-STDERR_KEPT)
    })
    stream.on('error', () => {}) // it is for the message alone
  }

  text(): string {
    return this.#kept.toString('utf8')
  }
}

/**
 * The scanner ends with us, also where a signal ends this process: in a session of its own it would not hear of it. A host
 * application that handles a signal itself decides itself; the scan goes on then, and its time limit holds.
 */
function endWithUs(): { readonly watch: (pid: number) => void; readonly stopWatching: () => void } {
  let leader: number | null = null
  const kill = () => {
    if (leader !== null) killGroup(leader)
  }
  const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).filter((signal) => process.listenerCount(signal) === 0)
  const end = (signal: NodeJS.Signals) => {
    kill()
    stopWatching()
    // As if nobody had listened.
    process.kill(process.pid, signal)
  }
  const stopWatching = () => {
    process.removeListener('exit', kill)
    for (const signal of signals) process.removeListener(signal, end)
  }
  process.on('exit', kill)
  for (const signal of signals) process.on(signal, end)
  const watch = (pid: number) => {
    leader = pid
  }
  return { watch, stopWatching }
}

const TRIES = 200

/** `true`: nothing of it is left. */
async function endAll(leader: number, mark: string): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    killGroup(leader)
    const left = membersOf(leader, mark)
    if (left.length === 0) return true
    for (const pid of left) kill(pid)
    // A killed process is gone when it has been taken down, which takes a moment.
    await sleep(tries < 10 ? 1 : 10)
  }
  return false
}

const killGroup = (leader: number): void => kill(-leader)

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // Gone already, or of another user by now: then it is seen again, and said.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Of its session, or with its mark. A process that has neither was made to hide, by a program of the operator's own. */
function membersOf(leader: number, mark: string): number[] {
  const marked = `${MARK}=${mark}`
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      const session = sessionOf(pid)
      if (session === null) return false
      return session === leader || (readKernel(`/proc/${pid}/environ`) ?? '').split('\0').includes(marked)
    })
}

/** Field 6 of /proc/PID/stat; `null` for what is gone, and for a zombie, which only its parent can take away. */
function sessionOf(pid: number): number | null {
  const stat = readKernel(`/proc/${pid}/stat`)
  if (stat === null) return null
  // The second field is the program's name in brackets and may itself hold brackets and blanks.
  const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || state === 'X' ? null : Number(session)
}
