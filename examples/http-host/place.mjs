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
  #late = 0
  #isReloading = false

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
      const result = await work(this.plugin)
      this.#late = 0
      return result
    } catch (error) {
      this.#noteLate(error)
      throw error
    } finally {
      this.requests--
      this.streams -= streams
      this.usedAtMs = Date.now()
    }
  }

  /** A program whose threads all hang is alive and answers nobody. Only its host can tell. @param {unknown} error */
  #noteLate(error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'CALL_TIMEOUT')) return
    const { plugin } = this
    if (++this.#late < BOUNDS.lateInARow || this.#isReloading || plugin === null) return
    this.#late = 0
    this.#isReloading = true
    this.log.add('replaced', `${BOUNDS.lateInARow} calls in a row had no answer in time: every instance is replaced`)
    plugin
      .reload()
      .catch((failure) => this.log.add('crash', failure instanceof Error ? failure.message : String(failure)))
      .finally(() => {
        this.#isReloading = false
      })
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
