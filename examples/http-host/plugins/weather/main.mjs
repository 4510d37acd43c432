// A plugin for Node: a table that came with the package, a setting of the operator, and one function of the host.
import { readFileSync } from 'node:fs'
import { config, RpcError, serve } from '@bulkhead/plugins/plugin'

/** @typedef {{ coldest: number, warmest: number, swing: number, rainyDays: number, isSouth?: boolean }} Climate */

/** @type {Record<string, Climate>} */
const climates = JSON.parse(readFileSync(new URL('climate.json', import.meta.url), 'utf8'))
const { units } = config()
const unit = units === 'us' ? '°F' : '°C'

/** JSON-RPC 2.0, section 5.1: invalid params. The host tells it apart from a plugin that failed. */
const INVALID_PARAMS = -32602

/** @param {unknown} city @returns {Climate} */
function climateOf(city) {
  const climate = typeof city === 'string' && Object.hasOwn(climates, city) ? climates[city] : undefined
  if (climate !== undefined) return climate
  throw new RpcError(`expected one of ${Object.keys(climates).join(', ')}`, { code: INVALID_PARAMS })
}

/** @param {number} celsius */
const shown = (celsius) => Math.round((units === 'us' ? celsius * 1.8 + 32 : celsius) * 10) / 10

/** The mean of a day: a year is a wave, coldest in the middle of January, in the south of July. @param {Climate} climate @param {Date} day */
function meanOf({ coldest, warmest, isSouth = false }, day) {
  const month = day.getUTCMonth() + day.getUTCDate() / 31 + (isSouth ? 6 : 0)
  return (coldest + warmest) / 2 - ((warmest - coldest) / 2) * Math.cos(((month - 0.5) / 12) * 2 * Math.PI)
}

/** A sandbox has a clock; asking shows how a host lends a function. @param {import('@bulkhead/plugins/plugin').Host} host */
const today = async (host) => new Date(await host.call('now'))

await serve(
  {
    cities: () => Object.keys(climates),

    async forecast({ city }, { host }) {
      const climate = climateOf(city)
      const day = await today(host)
      const mean = meanOf(climate, day)
      return {
        city,
        day: day.toISOString().slice(0, 10),
        low: shown(mean - climate.swing / 2),
        high: shown(mean + climate.swing / 2),
        unit,
        rainChance: Math.round((climate.rainyDays / 30) * 100) / 100,
      }
    },

    /** A stream: `days` times 24 values, as fast as they are taken. */
    async *hourly({ city, days = 1 }, { host }) {
      const climate = climateOf(city)
      if (!Number.isInteger(days) || days < 1 || days > 3650)
        throw new RpcError('expected 1 to 3650 days', { code: INVALID_PARAMS })
      const from = await today(host)
      from.setUTCHours(0, 0, 0, 0)
      for (let hour = 0; hour < days * 24; hour++) {
        const at = new Date(from.getTime() + hour * 3_600_000)
        // Warmest in the middle of the afternoon.
        const offset = (climate.swing / 2) * Math.cos(((at.getUTCHours() - 15) / 24) * 2 * Math.PI)
        yield { at: at.toISOString(), temperature: shown(meanOf(climate, at) + offset), unit }
      }
    },
  },
  { health: () => ({ cities: Object.keys(climates).length }) },
)
