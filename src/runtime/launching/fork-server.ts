import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { newForkDoor } from '../spool-folder.ts'
import { ForkedLauncher, type ForkOwner } from './forked-launcher.ts'
import type { LauncherStart } from './launcher-process.ts'

/** A launcher comes in a millisecond; after this long something is wrong, and the process starts its own. */
const ANSWER_MS = 2_000
/** "TOKEN DESCRIPTOR", launcher/fork-server.h. */
const HELLO = /^([0-9a-f]{32}) ([0-5])\n$/
const HELLO_MAX = 64
const BEGUN = /^begun ([0-9a-f]{32}) ([1-9]\d{0,6})$/
const FAILED = /^failed ([0-9a-f]{32})$/
const EXIT = /^exit ([1-9]\d{0,6}) (\d{1,6})$/
/** The descriptor on which it is told what to do. */
const ORDERS = 3

/** One that was asked for and has not come whole. */
interface Pending {
  readonly wanted: readonly boolean[]
  readonly streams: (Socket | null)[]
  pid: number | null
  readonly settle: (launcher: ForkedLauncher | null) => void
}

/**
 * A small process that starts launchers for this one. To start a process, Node copies its own page tables, which takes a large host tens
 * of milliseconds in which it does nothing else; this takes half of one, however large it is. It was started by this
 * process, serves nobody else, and ends with it; there is nothing of a plugin in it.
 */
export class ForkServer implements ForkOwner {
  readonly #child: ChildProcess
  readonly #orders: Socket
  readonly #door: Server
  readonly #pending = new Map<string, Pending>()
  readonly #launchers = new Map<number, ForkedLauncher>()
  readonly #awaited = new Set<ForkedLauncher>()
  readonly #gone: Promise<void>
  readonly #idle = Promise.withResolvers<void>()
  #isOpen = true
  #isRetired = false

  /** `null`: there can be none here. Runs are started without it then. */
  static async start(binary: string, spool: string): Promise<ForkServer | null> {
    const name = newForkDoor()
    let door: Server | null = null
    try {
      door = await listen(spool, name)
      const { spawn } = process.getBuiltinModule('node:child_process')
      const child = spawn(binary, ['--fork-server', join(spool, name)], {
        argv0: 'bulkhead-launch',
        cwd: '/',
        env: {},
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      })
      child.on('error', () => {})
      if ((child.stdio as unknown) === undefined || child.pid === undefined) {
        door.close()
        return null
      }
      const server = new ForkServer(child, door)
      if (await server.#isReady()) return server
      await server.close()
      return null
    } catch {
      // Without a place for its socket there is none; what it is for is done without it.
      door?.close()
      return null
    } finally {
      // It has it open; nobody else finds it from now on.
      rmSync(join(spool, name), { force: true })
    }
  }

  private constructor(child: ChildProcess, door: Server) {
    this.#child = child
    this.#door = door
    const streams: readonly unknown[] = child.stdio
    this.#orders = streams[ORDERS] as Socket
    this.#gone = new Promise((done) => child.once('exit', () => done()))
    this.#orders.on('error', () => {})
    this.#orders.on('close', () => this.#lost())
    door.on('connection', (socket) => this.#greet(socket))
    child.unref()
    door.unref()
  }

  /** `null`: it has not come, and whoever asked starts one without this. */
  ask({ stdio, title }: LauncherStart): Promise<ForkedLauncher | null> {
    if (!this.#isOpen) return Promise.resolve(null)
    const token = randomBytes(16).toString('hex')
    const wanted = [...stdio.map((stream) => stream === 'pipe'), true, true, true]
    const { promise, resolve } = Promise.withResolvers<ForkedLauncher | null>()
    const timer = setTimeout(() => settle(null), ANSWER_MS)
    const settle = (launcher: ForkedLauncher | null) => {
      clearTimeout(timer)
      const pending = this.#pending.get(token)
      this.#pending.delete(token)
      if (this.#pending.size === 0) this.#door.unref()
      if (launcher === null) for (const stream of pending?.streams ?? []) stream?.destroy()
      this.#look()
      resolve(launcher)
    }
    this.#pending.set(token, { wanted, streams: wanted.map(() => null), pid: null, settle })
    this.#door.ref()
    const letters = stdio.map((stream) => (stream === 'pipe' ? 'p' : 'i')).join('')
    this.#orders.write(`launch ${token} ${letters} ${title}\n`)
    return promise
  }

  kill(pid: number): void {
    if (this.#isOpen) this.#orders.write(`kill ${pid}\n`)
  }

  keepAlive(launcher: ForkedLauncher, how: 'ref' | 'unref'): void {
    if (how === 'ref') this.#awaited.add(launcher)
    else this.#awaited.delete(launcher)
    if (this.#awaited.size > 0) this.#orders.ref()
    else this.#orders.unref()
  }

  /** It is not asked any more, and closed when the last of its launchers has ended. */
  async retire(): Promise<void> {
    this.#isRetired = true
    this.#look()
    await this.#idle.promise
    await this.close()
  }

  /** Its launchers end with it. */
  async close(): Promise<void> {
    this.#lost()
    this.#child.ref()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    // A process that has given up its user may not; the end of its orders ends it, too.
    if (this.#child.kill('SIGKILL')) await this.#gone
  }

  async #isReady(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), ANSWER_MS)
    let heard = ''
    this.#orders.setEncoding('latin1').on('data', (text: string) => {
      heard += text
      for (let at = heard.indexOf('\n'); at >= 0; at = heard.indexOf('\n')) {
        const line = heard.slice(0, at)
        heard = heard.slice(at + 1)
        if (line === 'ready') resolve(true)
        else this.#hear(line)
      }
    })
    this.#orders.once('close', () => resolve(false))
    const isReady = await promise
    clearTimeout(timer)
    this.#orders.unref()
    return isReady
  }

  #hear(line: string): void {
    const [, token = '', pid] = BEGUN.exec(line) ?? FAILED.exec(line) ?? []
    const pending = this.#pending.get(token)
    if (pending !== undefined) {
      if (pid === undefined) pending.settle(null)
      else pending.pid = Number(pid)
      this.#complete(pending)
      return
    }
    const [, gone, status] = EXIT.exec(line) ?? []
    if (gone === undefined) return
    const ended = Number(gone)
    for (const one of this.#pending.values()) if (one.pid === ended) one.settle(null)
    this.#launchers.get(ended)?.ended(Number(status))
    this.#launchers.delete(ended)
    this.#look()
  }

  #look(): void {
    const isIdle = this.#pending.size === 0 && this.#launchers.size === 0
    if (!this.#isOpen || (this.#isRetired && isIdle)) this.#idle.resolve()
  }

  /** Whoever comes says first who it is: only what was asked for is let in. */
  #greet(socket: Socket): void {
    const refuse = () => socket.destroy()
    const timer = setTimeout(refuse, ANSWER_MS).unref()
    let heard = ''
    const read = () => {
      const chunk: Buffer | null = socket.read()
      heard += chunk?.toString('latin1') ?? ''
      if (chunk !== null && heard.length <= HELLO_MAX && !heard.includes('\n')) return
      clearTimeout(timer)
      socket.off('readable', read)
      const [, token = '', fd] = HELLO.exec(heard) ?? []
      if (!this.#admit(token, Number(fd), socket)) return refuse()
      socket.off('error', refuse)
    }
    socket.on('error', refuse)
    socket.on('readable', read)
  }

  #admit(token: string, fd: number, socket: Socket): boolean {
    const pending = this.#pending.get(token)
    if (pending === undefined || !pending.wanted[fd] || pending.streams[fd] !== null) return false
    pending.streams[fd] = socket
    // Until its run has them, nobody else hears of their faults.
    if (fd > 2) socket.on('error', () => {})
    this.#complete(pending)
    return true
  }

  /** All its streams are here, and the server has said which process it is: so none is taken for one that had its number. */
  #complete({ wanted, streams, pid, settle }: Pending): void {
    if (pid === null || wanted.some((isWanted, index) => isWanted && streams[index] === null)) return
    const launcher = new ForkedLauncher(pid, streams, this)
    this.#launchers.set(pid, launcher)
    settle(launcher)
  }

  #lost(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#orders.destroy()
    this.#door.close()
    for (const pending of [...this.#pending.values()]) pending.settle(null)
    for (const launcher of this.#launchers.values()) launcher.ended(null)
    this.#launchers.clear()
    this.#look()
  }
}

/** At most one launcher asks for six at once. */
const BACKLOG = 1_024

/** The folder is its owner's alone. By its descriptor, since a socket's path may have 107 bytes at most (unix(7)). */
async function listen(folder: string, name: string): Promise<Server> {
  const { createServer } = process.getBuiltinModule('node:net')
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  const server = createServer({ allowHalfOpen: true })
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail)
      // Exclusive: the descriptor is this process's, and a worker of node:cluster would have its primary listen.
      server.listen({ path: `/proc/self/fd/${fd}/${name}`, backlog: BACKLOG, exclusive: true }, done)
    })
  } finally {
    closeSync(fd)
  }
  server.on('error', () => {})
  return server
}
