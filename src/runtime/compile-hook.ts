import { COMPILED_PREFIX } from '../core/compiled.ts'

/** Where Node collects it, in the sandbox that is there for nothing else. */
export const COMPILE_FOLDER = '/tmp/compile-cache'

/**
 * Runs before the plugin's own code, and again when it ends: then it sends what Node has compiled through stdout. SIGTERM is an end
 * like any other, for a plugin that does not stop by itself.
 */
export const compileHook = (nonce: string): string =>
  `data:text/javascript,${encodeURIComponent(`
import { flushCompileCache } from 'node:module'
import { readdirSync, readFileSync, writeSync } from 'node:fs'
const exit = process.exit.bind(process)
process.on('SIGTERM', () => exit(0))
process.on('exit', () => {
  flushCompileCache()
  const send = (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      try { at += writeSync(1, bytes, at) } catch (error) { if (error.code !== 'EAGAIN') throw error }
    }
  }
  for (const folder of readdirSync('${COMPILE_FOLDER}'))
    for (const name of readdirSync('${COMPILE_FOLDER}/' + folder)) {
      const bytes = readFileSync('${COMPILE_FOLDER}/' + folder + '/' + name)
      send(Buffer.from('${COMPILED_PREFIX}${nonce} ' + bytes.length + ' ' + folder + '/' + name + '\\n'))
      send(bytes)
    }
  send(Buffer.from('${COMPILED_PREFIX}${nonce} end\\n'))
})
`)}`
