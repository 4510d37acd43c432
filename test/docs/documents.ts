// The documents as data: what they link to, which files they name, and the blocks of code in them.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

export interface Document {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

const PLACES = [
  '*.md',
  'docs/**/*.md',
  'keys/*.md',
  'plugins/*.md',
  'plugins/*/README.md',
  'examples/*/README.md',
  'src/**/*.md',
]

export const documents = (): Document[] =>
  globSync(PLACES, { cwd: root })
    .filter((path) => !path.includes('node_modules'))
    .sort()
    .map(read)

export const read = (path: string): Document => ({ path, text: readFileSync(join(root, path), 'utf8') })

/** Fenced blocks of one language, in their order. */
export const blocks = ({ text }: Document, language: string): string[] =>
  [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)]
    .filter((block) => block[1] === language)
    .map((block) => block[2] ?? '')

const withoutBlocks = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '')

/** Targets of links into this repository. */
export const links = ({ text }: Document): string[] =>
  [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((link) => link[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))

/** The anchors that a page of this text has, as code hosts make them. */
export const anchors = ({ text }: Document): string[] =>
  [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map((heading) =>
    (heading[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Files of the repository that the text names in code style. */
export const namedFiles = ({ text }: Document): string[] =>
  [...withoutBlocks(text).matchAll(/`((?:src|test|docs|scripts|keys)\/[\w./-]+\.(?:ts|c|js|mjs|md|json))`/g)].map(
    (name) => name[1] ?? '',
  )
