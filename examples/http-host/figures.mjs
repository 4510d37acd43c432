// What /health, /stats and the page show. However many look, each figure is taken once.

/**
 * @typedef {import('./place.mjs').Place} Place
 * @typedef {import('./plugin-pool.mjs').PluginPool} PluginPool
 * @typedef {Awaited<ReturnType<Figures['stats']>>} Snapshot
 * @typedef {{ cpuMs: number, atMs: number }} Look
 */

/** Two looks that are closer together would only say the same. */
const FRESH_MS = 250
const HEALTH_FRESH_MS = 1_000
const HEALTH_MS = 2_000

export class Figures {
  #pool
  #connections
  /** Of the look before, by run: how busy an instance is, is a difference. @type {Map<string, Look>} */
  #looks = new Map()
  answered = 0
  refused = 0
  stats = shared(FRESH_MS, () => this.#stats())
  health = shared(HEALTH_FRESH_MS, () => this.#health())

  /** @param {PluginPool} pool @param {() => number} connections */
  constructor(pool, connections) {
    this.#pool = pool
    this.#connections = connections
  }

  async #stats() {
    const plugins = await Promise.all(this.#pool.places.map((place) => this.#pluginOf(place)))
    const runs = new Set(plugins.flatMap(({ instances }) => instances.map(({ run }) => run)))
    for (const run of this.#looks.keys()) if (!runs.has(run)) this.#looks.delete(run)
    return {
      atMs: Date.now(),
      host: {
        upMs: Math.round(process.uptime() * 1_000),
        memoryBytes: process.memoryUsage.rss(),
        connections: this.#connections(),
        requests: { answered: this.answered, refused: this.refused },
      },
      plugins,
    }
  }

  /** @param {Place} place */
  async #pluginOf({ name, state, plugin, refusal, requests, log: { events } }) {
    const stats = plugin === null ? null : await plugin.stats()
    return {
      name,
      state,
      refusal: refusal instanceof Error ? refusal.message : null,
      requests,
      calls: stats?.calls ?? null,
      restarts: stats?.restarts ?? 0,
      circuit: stats?.circuit ?? null,
      instances: (stats?.instances ?? []).map((one) => ({
        run: one.run,
        version: one.version,
        upMs: one.atMs - one.startedAtMs,
        memoryBytes: one.memoryBytes,
        memoryMaxBytes: one.limits?.memoryBytes ?? null,
        cpuPermille: this.#cpuPermille(one),
        processes: one.processes,
        processesMax: one.limits?.processesMax ?? null,
        waiting: one.waiting,
      })),
      events,
    }
  }

  /** Thousandths of one processor since the last look. @param {{ run: string, cpuMs: number | null, atMs: number }} now */
  #cpuPermille({ run, cpuMs, atMs }) {
    const before = this.#looks.get(run)
    if (cpuMs === null) return null
    this.#looks.set(run, { cpuMs, atMs })
    if (before === undefined || atMs <= before.atMs) return null
    return Math.max(0, Math.round(((cpuMs - before.cpuMs) * 1_000) / (atMs - before.atMs)))
  }

  /** This host is well as long as it answers: that a plugin is not, is what it is there for. */
  async #health() {
    const plugins = await Promise.all(
      this.#pool.places.map(async ({ name, state, plugin }) => {
        const health = await plugin?.health({ timeoutMs: HEALTH_MS })
        return [name, health?.status ?? state]
      }),
    )
    return { status: 'ok', plugins: Object.fromEntries(plugins) }
  }
}

/** Whoever asks while it is being found out, or soon after, gets the same. @template T @param {number} freshMs @param {() => Promise<T>} find */
function shared(freshMs, find) {
  /** @type {Promise<T> | null} */
  let found = null
  return () => {
    found ??= find().finally(() => setTimeout(() => (found = null), freshMs).unref())
    return found
  }
}
