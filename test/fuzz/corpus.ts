import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const CORPUS = join(import.meta.dirname, 'corpus')

export interface KeptInput {
  readonly name: string
  readonly bytes: Buffer
}

/** Small real inputs, by name: `valid-…` is accepted, `near-…` is the neighbour that is refused, `found-…` was once a hole. */
export function keptInputs(target: string, corpus: string = CORPUS): readonly KeptInput[] {
  const folder = join(corpus, target)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }))
}
