// One service of the local Sigstore: an HTTP server on loopback.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Answer } from './misbehaviour.ts'

export interface Request {
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface Reply {
  readonly status: number
  readonly body: Buffer | string | object
  readonly headers?: Readonly<Record<string, string>>
}

/** By `METHOD /path`; a path ending in `/*` stands for all below it. */
export type Routes = Readonly<Record<string, (request: Request) => Reply | Promise<Reply>>>

export interface Service {
  readonly url: string
  /** `METHOD /path` of each request that came, in order. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

/** What a request of the client's making did wrong: 400, or the status given. */
export class Refusal extends Error {
  readonly status: number
  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

const BODY_MAX = 64 * 2 ** 20

export async function serve(routes: (url: string) => Routes, answer: () => Answer | undefined): Promise<Service> {
  const requests: string[] = []
  let table: Routes = {}
  const server = createServer((incoming, response) => {
    void handle(incoming, response).catch((error: Error) => {
      response.statusCode = error instanceof Refusal ? error.status : 500
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ code: 3, message: error.message }))
    })
  })
  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const asked = new URL(incoming.url ?? '/', url)
    const body = await bodyOf(incoming)
    requests.push(`${incoming.method} ${asked.pathname}`)
    const amiss = answer()
    if (amiss !== undefined) return answerAmiss(amiss, response, body)
    const route = routeOf(table, `${incoming.method} ${asked.pathname}`)
    if (route === undefined) throw new Refusal(`no ${incoming.method} ${asked.pathname}`, 404)
    const reply = await route({ url: asked, headers: incoming.headers, body })
    const isBytes = typeof reply.body === 'string' || Buffer.isBuffer(reply.body)
    response.writeHead(reply.status, { ...(isBytes ? {} : { 'content-type': 'application/json' }), ...reply.headers })
    response.end(isBytes ? reply.body : JSON.stringify(reply.body))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  table = routes(url)
  return {
    url,
    requests,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function routeOf(table: Routes, asked: string) {
  const exact = table[asked]
  if (exact !== undefined) return exact
  const below = Object.keys(table).find((key) => key.endsWith('/*') && asked.startsWith(key.slice(0, -1)))
  return below === undefined ? undefined : table[below]
}

function answerAmiss(answer: Answer, response: ServerResponse, body: Buffer): void {
  switch (answer) {
    case 'error':
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"code":13,"message":"out of order"}')
      return
    case 'echo':
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ message: `what is ${body}?` }))
      return
    case 'garbage':
      response.writeHead(201, { 'content-type': 'application/json' }).end('<html>welcome to the hotel</html>')
      return
    case 'other-json':
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"unexpected":[1,2,3]}')
      return
    case 'cut':
      response.destroy()
      return
    case 'endless': {
      response.writeHead(201, { 'content-type': 'application/json' })
      const chunk = Buffer.alloc(2 ** 20, 0x20)
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', pour)
      pour()
      return
    }
    case 'silence':
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > BODY_MAX) throw new Refusal('the request is too large', 413)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function jsonOf<T>(request: Request): T {
  try {
    return JSON.parse(request.body.toString()) as T
  } catch {
    throw new Refusal('the request is no JSON')
  }
}
