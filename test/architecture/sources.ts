import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'

const checkout = resolve(import.meta.dirname, '../..')

/** A file of the checkout, its path from there. */
export interface Source {
  readonly path: string
  readonly text: string
}

export const read = (path: string): string => readFileSync(join(checkout, path), 'utf8')

export function sources(pattern: string): Source[] {
  const exclude = (path: string) => path.includes('node_modules')
  return globSync(pattern, { cwd: checkout, exclude })
    .sort()
    .map((path) => ({ path, text: read(path) }))
}

const IMPORT = /(?:\bfrom\s+|\bimport\s*\(\s*|^\s*import\s+)'([^']+)'/gm

/** What a file imports, static and dynamic alike: paths from the checkout for its own files, else the bare name. */
export function importsOf({ path, text }: Source): string[] {
  return [...text.matchAll(IMPORT)].map(([, target = '']) =>
    target.startsWith('.') ? normalize(join(dirname(path), target)) : target,
  )
}
