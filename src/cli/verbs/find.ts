import { VERBS } from './all.ts'
import type { Verb } from './verb.ts'

const TOP: readonly Verb[] = VERBS.flatMap(({ verbs }) => verbs)

/** The command that the words name, sub-commands by their words too. */
export function findVerb(words: readonly string[]): Verb | undefined {
  let among: readonly Verb[] = TOP
  let found: Verb | undefined
  for (const word of words) {
    found = among.find(({ name, alias }) => name === word || alias === word)
    if (found === undefined) return undefined
    among = found.verbs ?? []
  }
  return found
}

/** Of a command line, the words in front that name a command; options may stand between them. */
export function verbWords(line: readonly string[]): readonly string[] {
  const words: string[] = []
  for (const word of line) {
    if (word === '--') break
    if (word.startsWith('-')) continue
    if (findVerb([...words, word]) !== undefined) words.push(word)
    else if (words.length > 0) break
  }
  return words
}

/** Each command that does something, by its words: `['trust', 'root', 'add']`. */
export function everyVerb(): readonly (readonly [path: readonly string[], verb: Verb])[] {
  const below = (path: readonly string[], verb: Verb): (readonly [readonly string[], Verb])[] => [
    [path, verb],
    ...(verb.verbs ?? []).flatMap((inner) => below([...path, inner.name], inner)),
  ]
  return TOP.flatMap((verb) => below([verb.name], verb))
}
