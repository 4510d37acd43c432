// A service that lends itself to plugins it does not trust. Read it from `answer` on.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { openManager } from '@bulkhead/plugins'
import { BOUNDS } from './bounds.mjs'
import { assertKnownCaller, loopbackNames } from './callers.mjs'
import { Figures } from './figures.mjs'
import { sendPage } from './page-files.mjs'
import { PluginPool } from './plugin-pool.mjs'
import { answerCall, answerStream } from './plugin-requests.mjs'
import { readParams } from './request-body.mjs'
import { sendJson } from './responses.mjs'
import { routeOf } from './routes.mjs'
import { refusalOf } from './statuses.mjs'
import { Watchers } from './watchers.mjs'

/**
 * @typedef {import('node:http').IncomingMessage} Request
 * @typedef {import('node:http').ServerResponse} Response
 * @typedef {{ home: string, port: number, pluginsMax: number, log: (text: string) => void }} ServerOptions
 * @typedef {{ url: string, close: () => Promise<void> }} RunningServer
 */

/** Listens on 127.0.0.1 and nowhere else: whoever reaches it may call every plugin of the home. @param {ServerOptions} options @returns {Promise<RunningServer>} */
export async function startServer({ home, port, pluginsMax, log }) {
  const manager = await openManager({ home })
  const closing = new AbortController()
  const pool = new PluginPool(manager, pluginsMax)
  const server = createServer({
    headersTimeout: BOUNDS.headMs,
    requestTimeout: BOUNDS.requestMs,
    keepAliveTimeout: BOUNDS.keepAliveMs,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 8 * 1024,
  })
  server.maxConnections = BOUNDS.connections
  server.timeout = BOUNDS.silentMs
  let connections = 0
  server.on('connection', (socket) => {
    connections++
    socket.once('close', () => connections--)
  })
  const figures = new Figures(pool, () => connections)
  const watchers = new Watchers(figures, log, closing.signal)
  /** What is being answered, and how it is ended. @type {Map<Promise<void>, AbortController>} */
  const atWork = new Map()

  /** @param {Request} request @param {Response} response @param {AbortSignal} signal */
  async function answer(request, response, signal) {
    assertKnownCaller(request, names)
    const route = routeOf(request.method ?? '', request.url ?? '')
    switch (route.kind) {
      case 'page':
        return sendPage(response, route.path)
      case 'health':
        return sendJson(response, 200, await figures.health())
      case 'stats':
        return sendJson(response, 200, await figures.stats())
      case 'watch':
        return watchers.add(response)
      case 'call':
        return answerCall(pool, route, await readParams(request), response, signal)
      case 'stream':
        return answerStream(pool, route, await readParams(request), response, signal)
    }
  }

  /** @param {Request} request @param {Response} response @param {AbortSignal} signal */
  async function answerOrRefuse(request, response, signal) {
    try {
      await answer(request, response, signal)
      figures.answered++
    } catch (error) {
      figures.refused++
      refuse(request, response, error)
    }
  }

  /** @param {Request} request @param {Response} response @param {unknown} error */
  function refuse(request, response, error) {
    const { status, code, message, headers } = refusalOf(error)
    if (status === 500 && !response.destroyed) log(`${request.method} ${request.url}: ${describe(error)}`)
    if (response.destroyed) return
    // Of a stream that had begun, the last line has said it.
    if (response.headersSent) return void (response.writableEnded || response.destroy())
    // What was not read of the body is not read any more, and nothing after it on this connection.
    const last = request.complete ? {} : { Connection: 'close' }
    sendJson(response, status, { error: { code, message } }, { ...headers, ...last })
  }

  server.on('request', (request, response) => {
    // Whoever goes away ends the call, and so does this host when it goes down: the plugin is told.
    const ending = new AbortController()
    response.once('close', () => ending.abort())
    const working = answerOrRefuse(request, response, ending.signal).finally(() => atWork.delete(working))
    atWork.set(working, ending)
  })
  // What is no HTTP, or takes too long.
  server.on('clientError', (error, socket) => {
    const status =
      'code' in error && error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request'
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    else socket.destroy()
  })

  try {
    await listening(server, port)
  } catch (error) {
    await manager.close()
    throw error
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  const names = loopbackNames(address.port)

  /** Takes no more, lets what is nearly done be done, and ends the rest with every sandbox. */
  async function close() {
    server.close()
    await Promise.race([Promise.allSettled(atWork.keys()), sleep(BOUNDS.drainMs)])
    closing.abort()
    for (const ending of atWork.values()) ending.abort()
    await manager.close()
    server.closeAllConnections()
  }

  /** @type {Promise<void> | null} */
  let closed = null
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

/** @param {unknown} error */
const describe = (error) => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/** @param {import('node:http').Server} server @param {number} port @returns {Promise<void>} */
function listening(server, port) {
  const { promise, resolve, reject } = Promise.withResolvers()
  server.once('error', reject)
  server.listen(port, '127.0.0.1', () => {
    server.off('error', reject)
    resolve(undefined)
  })
  return promise
}
