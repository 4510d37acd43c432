// Parsers with one hole each, to see that the oracles see it. Their seed is a short text; the hole opens at a word in it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { ManifestError, PluginError } from '../../src/core/errors.ts'
import { mutateBytes } from './byte-mutations.ts'
import { must, type Target } from './target.ts'

const SEED = 'nothing here opens anything'
const refuse = (): never => {
  throw new ManifestError('MANIFEST_INVALID', 'cannot use this')
}

const planted = (name: string, hole: (input: Buffer) => unknown): Target => ({
  name,
  share: 1,
  mutate: mutateBytes,
  dictionary: ['OPEN'],
  refuses: (code) => code === 'MANIFEST_INVALID',
  seeds: () => [Buffer.from(SEED)],
  open: async () => ({ attempt: (input) => (input.includes('OPEN') ? hole(input) : refuse()) }),
})

export const TARGETS: readonly Target[] = [
  planted('sound', refuse),
  planted('throws-a-type-error', () => (undefined as unknown as { length: number }).length),
  planted('gives-a-code-of-others', () => {
    throw new PluginError('INTERNAL', 'cannot go on')
  }),
  planted('lets-control-characters-out', () => {
    throw new ManifestError('MANIFEST_INVALID', 'cannot use \u001b[2J')
  }),
  planted('accepts-what-it-should-not', () => must(false, 'two readings of the same bytes differ')),
  planted('writes', () => writeFileSync('here', 'x')),
  // As a parser that hides what it did.
  planted('writes-and-hides-it', () => {
    try {
      mkdirSync('here')
    } catch {
      return refuse()
    }
  }),
  planted('takes-a-hundred-megabytes', () => {
    kept[0] = Buffer.alloc(100 * 2 ** 20, 1)
    return refuse()
  }),
  planted('fills-the-heap', () => {
    for (;;) kept.push(new Array(2 ** 17).fill(0))
  }),
  planted('leaves-a-promise-behind', () => {
    void Promise.reject(new TypeError('nobody waits for this'))
    return refuse()
  }),
  planted('never-ends', () => {
    for (;;);
  }),
]

const kept: unknown[] = []
