import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A plugin of many files, as trees of dependencies are: mostly small sources, a few large ones, some data that is packed already. */
export interface LargePlugin {
  readonly files: number
  readonly bytes: number
}

export const LARGE: LargePlugin = { files: 5000, bytes: 50e6 }
export const LESS: LargePlugin = { files: 1000, bytes: 10e6 }

/** As a row calls it. */
export const sizeOf = ({ files, bytes }: LargePlugin): string =>
  `${files.toLocaleString('en')} files, ${bytes / 1e6} MB`

/** Writes it below `folder`: the same bytes each time. */
export async function writeLarge(folder: string, { files, bytes }: LargePlugin): Promise<void> {
  const random = xorshift(20_251_121)
  const manifest = { name: 'acme/large', version: '1.0.0', entry: { runtime: 'node', path: 'main.mjs' } }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'plugin.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'main.mjs'), 'console.log(1)\n')
  // Sizes as they are found: many of one kilobyte, few of a hundred.
  const weights = Array.from({ length: files - 2 }, () => Math.exp(4 * (unit(random()) + unit(random()) - 1)))
  const scale = bytes / weights.reduce((sum, weight) => sum + weight, 0)
  for (const [at, weight] of weights.entries()) {
    const isPacked = at % 10 === 0
    const name = `${word(random())}-${at}.${isPacked ? 'bin' : 'js'}`
    const path = join(folder, `node_modules/package-${at % 250}/lib`, name)
    if (at < 250) await mkdir(dirname(path), { recursive: true })
    const size = Math.round(weight * scale)
    await writeFile(path, isPacked ? noise(random, size) : source(random, size))
  }
}

/** Another version of it: one file more or less as it was, and the manifest. */
export async function changeLarge(folder: string, number: number): Promise<void> {
  const manifest = { name: 'acme/large', version: `1.${number}.0`, entry: { runtime: 'node', path: 'main.mjs' } }
  await writeFile(join(folder, 'plugin.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'main.mjs'), `console.log(${number + 1})\n`)
}

/** One of many plugins that are hardly anything. */
export async function writeTiny(folder: string, number: number): Promise<void> {
  const manifest = {
    name: `acme/tiny-${String(number).padStart(4, '0')}`,
    version: '1.0.0',
    description: `the plugin number ${number}`,
    entry: { runtime: 'node', path: 'main.mjs' },
  }
  await mkdir(folder)
  await writeFile(join(folder, 'plugin.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await writeFile(join(folder, 'main.mjs'), `console.log(${number})\n`)
}

/** Words in lines: deflate makes about a third of it, as of JavaScript. */
function source(random: () => number, size: number): string {
  const words: string[] = []
  for (let length = 0; length < size; ) {
    const next = random()
    const piece =
      next % 9 === 0 ? `;\n${'  '.repeat(next % 4)}` : next % 7 === 0 ? String(next % 100_000) : `${word(next)} `
    words.push(piece)
    length += piece.length
  }
  return words.join('').slice(0, size)
}

function noise(random: () => number, size: number): Buffer {
  const bytes = Buffer.alloc(size + 4)
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(random(), at)
  return bytes.subarray(0, size)
}

const SYLLABLES = [
  'get',
  'set',
  'node',
  'val',
  'ex',
  'port',
  'con',
  'st',
  're',
  'turn',
  'fun',
  'ion',
  'arg',
  'key',
  'map',
  'is',
]
const word = (number: number): string =>
  [4, 8, 12].map((shift) => SYLLABLES[(number >>> shift) % SYLLABLES.length]).join('')

const unit = (number: number): number => number / 2 ** 32

function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
