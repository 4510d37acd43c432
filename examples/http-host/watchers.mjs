// GET /events: the figures, once a second, to every page that is open. Server-Sent Events, as the HTML standard has them.
import { setTimeout as sleep } from 'node:timers/promises'
import { BOUNDS } from './bounds.mjs'
import { HttpError } from './http-error.mjs'
import { SAFE_HEADERS } from './responses.mjs'

/** @typedef {import('node:http').ServerResponse} Response */

export class Watchers {
  #figures
  #log
  #closing
  /** When each last took all that it was sent. @type {Map<Response, number>} */
  #open = new Map()
  #isTelling = false

  /** @param {import('./figures.mjs').Figures} figures @param {(text: string) => void} log @param {AbortSignal} closing */
  constructor(figures, log, closing) {
    this.#figures = figures
    this.#log = log
    this.#closing = closing
  }

  /** @param {Response} response */
  add(response) {
    if (this.#open.size >= BOUNDS.watchers)
      throw new HttpError(503, 'HOST_BUSY', 'cannot be watched by more pages', { 'Retry-After': '5' })
    response.writeHead(200, { ...SAFE_HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' })
    response.write('retry: 2000\n\n')
    this.#open.set(response, Date.now())
    response.once('close', () => this.#open.delete(response))
    if (!this.#isTelling) void this.#tell()
  }

  /** While anybody watches. */
  async #tell() {
    this.#isTelling = true
    try {
      while (this.#open.size > 0 && !this.#closing.aborted) {
        const text = `data: ${JSON.stringify(await this.#figures.stats())}\n\n`
        for (const [response, takenAtMs] of this.#open) this.#send(response, takenAtMs, text)
        await sleep(BOUNDS.everyMs, undefined, { signal: this.#closing }).catch(() => {})
      }
    } catch (error) {
      // Pages ask again by themselves.
      this.#log(`cannot tell the pages: ${error}`)
    } finally {
      this.#isTelling = false
      for (const response of this.#open.keys()) response.end()
    }
  }

  /** Who has not read the last one is not sent another one; who reads nothing for long is cut off. @param {Response} response @param {number} takenAtMs @param {string} text */
  #send(response, takenAtMs, text) {
    if (response.writableLength === 0) this.#open.set(response, Date.now())
    else if (Date.now() - takenAtMs > BOUNDS.untakenMs) return void response.destroy()
    if (response.writableLength < BOUNDS.watcherBytes) response.write(text)
  }
}
