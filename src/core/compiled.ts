/** Before each file of compiled code that a sandbox sends, after a new line or at the beginning. */
export const COMPILED_PREFIX = '\u0000compiled '

const PATH = /^[\w.-]{1,128}\/[\w.-]{1,128}$/
const HEADER_MAX = 512

/**
 * The files that a sandbox has sent, each `PREFIX NONCE SIZE PATH\n` and its bytes, with `PREFIX NONCE end\n` after the last; what came
 * before the first is the plugin's own output. `null` of anything else: it is the plugin that could have written it.
 */
export function readCompiled(output: Buffer, nonce: string, filesMax: number): [path: string, bytes: Buffer][] | null {
  const prefix = Buffer.from(`${COMPILED_PREFIX}${nonce} `)
  const files = new Map<string, Buffer>()
  let at = output.indexOf(prefix)
  while (at >= 0 && output.subarray(at, at + prefix.length).equals(prefix)) {
    const end = output.indexOf(10, at + prefix.length)
    if (end < 0 || end - at > HEADER_MAX) return null
    const header = output.subarray(at + prefix.length, end).toString('latin1')
    if (header === 'end') return end + 1 === output.length && files.size > 0 ? [...files] : null
    const [, size = '', path = ''] = /^(\d{1,9}) (\S+)$/.exec(header) ?? []
    const from = end + 1
    const to = from + Number(size)
    if (!PATH.test(path) || path.includes('..') || files.has(path) || to > output.length || files.size === filesMax)
      return null
    files.set(path, output.subarray(from, to))
    at = to
  }
  return null
}
