// The example as a process of its own, as its reader starts it, and a client that says what it wants to say.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const START = join(import.meta.dirname, '../../examples/http-host/start.mjs')

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever the host says is looked at by its test.
  readonly body: any
}

export class ExampleHost {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  readonly exited: Promise<unknown[]>

  /** Until it listens. */
  static async start(home: string, ...options: string[]): Promise<ExampleHost> {
    const args = [START, '--home', home, '--port', '0', ...options]
    const host = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // What it puts there is the test's to look at.
      env: { ...process.env, TMPDIR: dirname(home) },
    })
    let said = ''
    host.stderr.on('data', (chunk: Buffer) => {
      said += chunk
    })
    for await (const line of createInterface({ input: host.stdout })) {
      const [, url] = /^listening on (\S+)$/.exec(line) ?? []
      if (url === undefined) continue
      host.stdout.resume()
      return new ExampleHost(url, host)
    }
    throw new Error(`the example did not listen: ${said}`)
  }

  private constructor(url: string, host: ChildProcess) {
    this.url = url
    this.port = Number(new URL(url).port)
    this.process = host
    this.exited = once(host, 'exit')
  }

  async post(path: string, body: unknown = {}, signal: AbortSignal | null = null): Promise<Answer> {
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body), signal })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  async get(path: string): Promise<Answer> {
    const response = await fetch(this.url + path)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  /** Bytes as they are, and what comes back until the host closes. */
  async raw(text: string | Buffer): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    socket.write(text)
    let answer = ''
    socket.on('error', () => {}) // it was closed while we wrote: what was answered is what counts
    socket.on('data', (chunk: Buffer) => {
      answer += chunk
    })
    await once(socket, 'close')
    return answer
  }

  /** Every process that it has started, and that those have. */
  descendants(): number[] {
    const parents = new Map<number, number>()
    for (const name of readdirSync('/proc')) {
      const parent = /^\d+$/.test(name) ? parentOf(Number(name)) : null
      if (parent !== null) parents.set(Number(name), parent)
    }
    const isBelow = (pid: number | undefined): boolean =>
      pid !== undefined && (pid === this.process.pid || isBelow(parents.get(pid)))
    return [...parents.keys()].filter((pid) => pid !== this.process.pid && isBelow(pid))
  }
}

/** `null`: it has ended. A zombie has, too: when its parent takes note of that is the parent's, here the machine's first process. */
export function parentOf(pid: number): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return /^State:\tZ/m.test(status) ? null : Number(/^PPid:\t(\d+)$/m.exec(status)?.[1] ?? 0)
  } catch (error) {
    // ESRCH: it ended while it was read.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
