// The last things that happened to one plugin, for people. The words of a plugin are in it: they are shown as text, and as
// nothing else.
import { BOUNDS } from './bounds.mjs'

/** @typedef {{ id: number, atMs: number, kind: string, text: string }} Happening */

let last = 0

export class EventLog {
  /** @type {Happening[]} Newest first. */
  events = []

  /** @param {string} kind @param {string} text */
  add(kind, text) {
    const event = { id: ++last, atMs: Date.now(), kind, text: text.slice(0, BOUNDS.eventText) }
    this.events = [event, ...this.events].slice(0, BOUNDS.events)
  }

  /** @param {import('@bulkhead/plugins').LoadedPlugin} plugin */
  follow(plugin) {
    plugin.on('crash', ({ error }) => this.add('crash', error.message))
    plugin.on('started', ({ pid }) => this.add('started', `a new instance answers (process ${pid})`))
    plugin.on('limit', ({ limit, outcome }) =>
      this.add('limit', outcome === null ? `it comes near its limit: ${limit}` : `its limit ended it: ${limit}`),
    )
    plugin.on('violation', ({ message }) => this.add('violation', message))
    plugin.on('circuit', ({ state }) => this.add('circuit', `the circuit is ${state}`))
    plugin.on('revoked', ({ error }) => this.add('revoked', error.message))
  }
}
