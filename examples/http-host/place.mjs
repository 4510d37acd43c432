// One plugin of this host: loaded once, by whoever asks first, and shared by all.
import { BOUNDS } from './bounds.mjs'
import { EventLog } from './event-log.mjs'
import { HttpError } from './http-error.mjs'

/** @typedef {import('@bulkhead/plugins').LoadedPlugin} LoadedPlugin */

export class Place {
  log = new EventLog()
  /** @type {LoadedPlugin | null} */
  plugin = null
  /** Why it cannot be used. @type {unknown} */
  refusal = null
  requests = 0
  streams = 0
  usedAtMs = Date.now()

  /** @param {string} name @param {() => Promise<LoadedPlugin>} load @param {() => void} onOver */
  constructor(name, load, onOver) {
    this.name = name
    /** Never rejects: `refusal` says why there is none. */
    this.ready = this.#load(load, onOver)
  }

  /** @param {() => Promise<LoadedPlugin>} load @param {() => void} onOver */
  async #load(load, onOver) {
    try {
      const plugin = await load()
      this.log.follow(plugin)
      this.log.add('loaded', `${BOUNDS.instances} instances answer`)
      const over = () => {
        this.plugin = null
        this.refusal = plugin.closed.reason
        onOver()
      }
      if (plugin.closed.aborted) return over()
      plugin.closed.addEventListener('abort', over, { once: true })
      this.plugin = plugin
    } catch (error) {
      this.refusal = error
      this.log.add('refused', error instanceof Error ? error.message : String(error))
      onOver()
    }
  }

  get state() {
    return this.plugin !== null ? 'ready' : this.refusal === null ? 'loading' : 'refused'
  }

  get isIdle() {
    return this.requests === 0
  }

  /**
   * Has a request served, within the bounds on how many there are. No client of one plugin waits for those of another.
   *
   * @template T
   * @param {'call' | 'stream'} kind @param {AbortSignal} signal
   * @param {(plugin: LoadedPlugin) => Promise<T>} work @returns {Promise<T>}
   */
  async use(kind, signal, work) {
    const streams = kind === 'stream' ? 1 : 0
    if (this.requests >= BOUNDS.requests || this.streams + streams > BOUNDS.streams)
      throw new HttpError(429, 'PLUGIN_BUSY', `cannot call ${this.name}: too many wait for it`, { 'Retry-After': '1' })
    this.requests++
    this.streams += streams
    try {
      // Whoever goes away while it loads leaves the loading to the others.
      await unlessAborted(this.ready, signal)
      if (this.plugin === null) throw this.refusal
      return await work(this.plugin)
    } finally {
      this.requests--
      this.streams -= streams
      this.usedAtMs = Date.now()
    }
  }
}

/** @template T @param {Promise<T>} promise @param {AbortSignal} signal @returns {Promise<T>} */
async function unlessAborted(promise, signal) {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return /** @type {T} */ (await Promise.race([promise, aborted]))
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
