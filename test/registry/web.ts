// A web server on loopback over a folder, with ranges and entity tags, that a test may have misbehave.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface Question {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** `next` answers as an honest server would. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

export interface Web {
  readonly url: string
  readonly asked: Question[]
  behave: Behaviour
  /** Of the tarballs alone; index and bundles are as they should be. */
  behaveOnTarballs(behaviour: Behaviour): void
  /** What was asked about tarballs. */
  downloads(): readonly Question[]
  close(): Promise<void>
}

export async function web(t: TestContext, folder: string, tls?: { key: string; cert: string }): Promise<Web> {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    own.asked.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers })
    own.behave(request, response, () => honest(folder, request, response))
  }
  const server: Server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const own: Web = {
    url: tls === undefined ? `http://127.0.0.1:${port}/` : `https://localhost:${port}/`,
    asked: [],
    behave: (_request, _response, next) => next(),
    behaveOnTarballs(behaviour) {
      own.behave = (request, response, next) =>
        request.url?.endsWith('.tgz') === true ? behaviour(request, response, next) : next()
    },
    downloads: () => own.asked.filter(({ path }) => path.endsWith('.tgz')),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  t.after(() => own.close())
  return own
}

export const etagOf = (bytes: Buffer): string => `"${createHash('sha256').update(bytes).digest('hex').slice(0, 20)}"`

export function fileFor(folder: string, request: IncomingMessage): Buffer | null {
  const path = join(folder, decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname))
  return existsSync(path) && statSync(path).isFile() ? readFileSync(path) : null
}

function honest(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const bytes = fileFor(folder, request)
  if (bytes === null) return void response.writeHead(404).end('no such file')
  const etag = etagOf(bytes)
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN)
  const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === etag
  if (request.headers.range !== undefined && isSame && from < bytes.length) {
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`
    response.writeHead(206, { 'content-range': range, 'content-length': bytes.length - from, etag })
    return void response.end(bytes.subarray(from))
  }
  response.writeHead(200, { 'content-length': bytes.length, etag })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

/** Sends the first `count` bytes of an honest answer, and cuts the line. */
export const cutAfter =
  (folder: string, count: number): Behaviour =>
  (request, response) => {
    const bytes = fileFor(folder, request) as Buffer
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const head = from === 0 ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': bytes.length - from, etag: etagOf(bytes), ...head })
    response.write(bytes.subarray(from, from + count), () => setTimeout(() => response.destroy(), 20))
  }

/** One behaviour for each question, the last one for all further. */
export function inTurn(...behaviours: readonly Behaviour[]): Behaviour {
  let count = 0
  return (request, response, next) => {
    const behaviour = behaviours[Math.min(count++, behaviours.length - 1)] as Behaviour
    behaviour(request, response, next)
  }
}

export const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body)
export const asItShould: Behaviour = (_request, _response, next) => next()
