// A real Chromium, by its DevTools protocol: a page, what it logs, and what it says to an expression.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const BINARY = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

export const noBrowser: string | false = BINARY === undefined && 'no Chromium in /usr/bin'

interface Answer {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

export class Page implements AsyncDisposable {
  /** What the page, or the browser about it, has complained of: a policy that was broken is among it. */
  readonly complaints: string[] = []
  readonly #process: ChildProcess
  readonly #socket: WebSocket
  readonly #profile: string
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>()
  #session = ''
  #last = 0

  static async open(url: string): Promise<Page> {
    if (BINARY === undefined) throw new Error(String(noBrowser))
    const profile = mkdtempSync(join(tmpdir(), 'bulkhead-browser-'))
    const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']
    const port = ['--remote-debugging-port=0', `--user-data-dir=${profile}`, '--window-size=1100,1500', 'about:blank']
    // A group of its own: the browser is many processes, and none may stay.
    const browser = spawn(BINARY, [...args, ...port], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    const socket = new WebSocket(await endpointOf(browser))
    await once(socket, 'open')
    const page = new Page(browser, socket, profile)
    await page.#go(url)
    return page
  }

  private constructor(browser: ChildProcess, socket: WebSocket, profile: string) {
    this.#process = browser
    this.#socket = socket
    this.#profile = profile
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(String(data)) as Answer))
  }

  async evaluate(expression: string): Promise<unknown> {
    const asked = { expression, returnByValue: true, awaitPromise: true }
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', asked)
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value?: unknown }).value
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#last
    const waiting = Promise.withResolvers<Record<string, unknown>>()
    this.#waiting.set(id, waiting)
    const session = this.#session === '' ? {} : { sessionId: this.#session }
    this.#socket.send(JSON.stringify({ id, method, params, ...session }))
    return waiting.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#socket.close()
    process.kill(-(this.#process.pid as number), 'SIGKILL')
    await ended
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }

  async #go(url: string): Promise<void> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    this.#session = String(sessionId)
    for (const domain of ['Runtime', 'Log', 'Page']) await this.send(`${domain}.enable`)
    await this.send('Page.navigate', { url })
  }

  #receive({ id, method, params, result, error }: Answer): void {
    if (method === 'Log.entryAdded') this.complaints.push(JSON.stringify(params?.entry))
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params))
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (error !== undefined) waiting?.reject(new Error(error.message))
    else waiting?.resolve(result ?? {})
  }
}

async function endpointOf({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('the browser has no stderr')
  for await (const line of createInterface({ input: stderr })) {
    const [, endpoint] = /^DevTools listening on (ws:\S+)/.exec(line) ?? []
    if (endpoint === undefined) continue
    stderr.resume()
    return endpoint
  }
  throw new Error('the browser ended before it listened')
}
