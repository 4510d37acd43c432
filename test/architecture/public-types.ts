// The declarations that are published, as far as it takes to say which types a public signature mentions. They are what the
// compiler has written, so their form is known: one declaration begins in the first column, and ends before the next.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const TYPES = join(import.meta.dirname, '../../dist/types')

interface Module {
  /** What a name in it stands for, of those it imports. */
  readonly imports: ReadonlyMap<string, Named>
  /** What it exports again from elsewhere. */
  readonly reexports: ReadonlyMap<string, Named>
  readonly declarations: ReadonlyMap<string, string>
}

/** A declaration: the file it is in, and its name there. */
export interface Named {
  readonly file: string
  readonly name: string
}

const modules = new Map<string, Module>()

function moduleOf(file: string): Module {
  const known = modules.get(file)
  if (known !== undefined) return known
  const text = withoutComments(readFileSync(join(TYPES, file), 'utf8'))
  const found: Module = {
    imports: listed(file, text, /^import (?:type )?\{([^}]*)\} from '([^']+)';/gm),
    reexports: listed(file, text, /^export (?:type )?\{([^}]*)\} from '([^']+)';/gm),
    declarations: declarationsIn(text),
  }
  modules.set(file, found)
  return found
}

/** Comments name types freely, and texts are no types. */
const withoutComments = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replace(/"(?:[^"\\\n]|\\.)*"/g, (found) => `'${found.slice(1, -1)}'`)

function listed(file: string, text: string, pattern: RegExp): Map<string, Named> {
  const found = new Map<string, Named>()
  for (const [, names = '', from = ''] of text.matchAll(pattern)) {
    if (!from.startsWith('.')) continue
    const target = join(dirname(file), from).replace(/\.(?:ts|js)$/, '.d.ts')
    for (const one of names.split(',').filter((part) => part.trim() !== '')) {
      const [name = '', as = name] = one
        .trim()
        .replace(/^type /, '')
        .split(' as ')
      found.set(as, { file: target, name })
    }
  }
  return found
}

const BEGINNING = /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|const|function|namespace) (\w+)/

function declarationsIn(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const part of text.split(/^(?=(?:export|declare|interface|type|class|import)\b)/m)) {
    const [, name] = BEGINNING.exec(part) ?? []
    // An interface and a constant of one name are one thing.
    if (name !== undefined) found.set(name, `${found.get(name) ?? ''}${part}`)
  }
  return found
}

const keyOf = ({ file, name }: Named): string => `${file} ${name}`

/** Where a name leads, through whatever only passes it on. */
function resolved(named: Named): Named {
  const { reexports, imports, declarations } = moduleOf(named.file)
  if (declarations.has(named.name)) return named
  const next = reexports.get(named.name) ?? imports.get(named.name)
  return next === undefined ? named : resolved(next)
}

/** Every declaration that these entries export. */
export function exportsOf(entries: readonly string[]): Map<string, Named> {
  const found = new Map<string, Named>()
  for (const file of entries) {
    const { reexports, declarations } = moduleOf(file)
    const own = [...declarations].filter(([, text]) => text.startsWith('export ')).map(([name]) => ({ file, name }))
    for (const named of [...[...reexports.values()].map(resolved), ...own]) found.set(keyOf(named), named)
  }
  return found
}

/**
 * Without what a host does not write: constructors and static members of classes that it is given instances of, what is kept for
 * subclasses, and constants, of which the compiler writes out the values.
 */
const reachable = (text: string): string =>
  text
    .replace(/^ {4}(?:private |protected )?(?:constructor|static|protected|private)\b[\s\S]*?;$/gm, '')
    .replace(/\btypeof \w+/g, '')

/** The types of ours that a declaration mentions. */
export function mentionedBy(named: Named): Named[] {
  const { imports, declarations } = moduleOf(named.file)
  const text = reachable(declarations.get(named.name) ?? '')
  const words = new Set(text.replace(/'(?:[^'\\\n]|\\.)*'/g, "''").match(/(?<![.\w])[A-Za-z_]\w*(?!\w*\??:)/g))
  words.delete(named.name)
  return [...words].flatMap((word) => {
    const imported = imports.get(word)
    if (imported !== undefined) return [resolved(imported)]
    // A parameter of the same name as a type of the file would be one, too; there is none, since types are in capitals.
    return declarations.has(word) && /^[A-Z]/.test(word) ? [{ file: named.file, name: word }] : []
  })
}
