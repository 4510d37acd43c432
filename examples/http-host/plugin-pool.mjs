// The plugins that this host has sandboxes of: loaded at first use, a bounded number, the one that was not used for longest
// makes room.
import { setTimeout as sleep } from 'node:timers/promises'
import { PluginError } from '@bulkhead/plugins'
import { BOUNDS } from './bounds.mjs'
import { grantedTo } from './granted.mjs'
import { HttpError } from './http-error.mjs'
import { Place } from './place.mjs'

/**
 * @typedef {import('@bulkhead/plugins').PluginManager} PluginManager
 * @typedef {import('@bulkhead/plugins').LoadedPlugin} LoadedPlugin
 */

export class PluginPool {
  #manager
  #max
  /** @type {Map<string, Place>} */
  #places = new Map()

  /** @param {PluginManager} manager @param {number} max How many plugins may have sandboxes at a time. */
  constructor(manager, max) {
    this.#manager = manager
    this.#max = max
  }

  /** @returns {readonly Place[]} By name. */
  get places() {
    return [...this.#places.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * @template T
   * @param {string} name @param {'call' | 'stream'} kind @param {AbortSignal} signal
   * @param {(plugin: LoadedPlugin) => Promise<T>} work @returns {Promise<T>}
   * @throws PluginError of the plugin, or of its loading; HttpError
   */
  async use(name, kind, signal, work) {
    return this.#placeOf(name).use(kind, signal, work)
  }

  /** Synchronous: of requests that come at the same moment, one loads. @param {string} name */
  #placeOf(name) {
    const known = this.#places.get(name)
    if (known !== undefined) return known
    // Names that are made up take no place of those that are not.
    if (!this.#manager.isInstalled(name))
      throw new PluginError('NOT_INSTALLED', `cannot call ${name}: it is not installed`)
    const evicted = this.#makeRoom()
    const place = new Place(
      name,
      async () => {
        await evicted?.plugin?.close()
        return this.#load(name)
      },
      () => void this.#forgetSoon(place),
    )
    this.#places.set(name, place)
    return place
  }

  /** @returns {Place | null} */
  #makeRoom() {
    if (this.#places.size < this.#max) return null
    const idle = [...this.#places.values()].filter(({ isIdle, state }) => isIdle && state !== 'loading')
    const [evicted] = idle.sort((a, b) => a.usedAtMs - b.usedAtMs)
    if (evicted === undefined)
      throw new HttpError(503, 'HOST_BUSY', 'cannot load another plugin: all are in use', { 'Retry-After': '1' })
    this.#places.delete(evicted.name)
    return evicted
  }

  /** @param {string} name */
  #load(name) {
    return this.#manager.load(name, {
      ...grantedTo(name),
      instances: BOUNDS.instances,
      timeoutMs: BOUNDS.callMs,
      startTimeoutMs: BOUNDS.startMs,
      rate: BOUNDS.rate,
      bounds: { messageBytes: BOUNDS.messageBytes, lateInARow: BOUNDS.lateInARow },
      restart: { maxMs: 5_000, breaker: { failures: 6, withinMs: 20_000, coolMs: 3_000 } },
      // Nothing of this process's own environment, whatever a manifest asks for.
      env: {},
    })
  }

  /** What cannot be loaded costs a sandbox each time it is tried: its answer stands for a moment. @param {Place} place */
  async #forgetSoon(place) {
    await sleep(BOUNDS.failedMs, undefined, { ref: false })
    if (this.#places.get(place.name) === place) this.#places.delete(place.name)
  }
}
