// POST /call and /stream: from a request to a plugin and back.
import { BOUNDS } from './bounds.mjs'
import { cutIfUntaken, SAFE_HEADERS, sendJson, sendLine } from './responses.mjs'
import { refusalOf } from './statuses.mjs'

/**
 * @typedef {import('node:http').ServerResponse} Response
 * @typedef {import('./plugin-pool.mjs').PluginPool} PluginPool
 * @typedef {import('./routes.mjs').ToPlugin} ToPlugin
 * @typedef {Record<string, unknown> | unknown[]} Params
 */

/** @param {PluginPool} pool @param {ToPlugin} route @param {Params} params @param {Response} response @param {AbortSignal} signal */
export async function answerCall(pool, { name, method }, params, response, signal) {
  const answer = await pool.use(name, 'call', signal, (plugin) => plugin.call(method, params, { signal }))
  sendJson(response, 200, answer ?? null)
}

/**
 * NDJSON: `{"item":…}` a line, and a last one that says how it ended, `{"done":true}` or `{"error":…}`. Without it the
 * stream was cut off.
 *
 * @param {PluginPool} pool @param {ToPlugin} route @param {Params} params @param {Response} response @param {AbortSignal} signal
 */
export async function answerStream(pool, { name, method }, params, response, signal) {
  await pool.use(name, 'stream', signal, async (plugin) => {
    const items = plugin.stream(method, params, { signal })
    const timer = setTimeout(() => response.destroy(), BOUNDS.streamMs)
    try {
      // Until the first item there is nothing said, and an error can still be a status.
      let next = await items.next()
      response.writeHead(200, { ...SAFE_HEADERS, 'Content-Type': 'application/x-ndjson; charset=utf-8' })
      for (; !next.done; next = await items.next()) await sendLine(response, { item: next.value }, signal)
      response.end('{"done":true}\n')
    } catch (error) {
      if (!response.headersSent || response.destroyed) throw error
      const { code, message } = refusalOf(error)
      response.end(`${JSON.stringify({ error: { code, message } })}\n`)
      // It counts as the plugin's failure all the same.
      throw error
    } finally {
      clearTimeout(timer)
      await items.return()
      if (response.headersSent) cutIfUntaken(response)
    }
  })
}
