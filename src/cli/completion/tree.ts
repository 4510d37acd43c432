import { topicsOf } from '../topics/all.ts'
import { VERBS } from '../verbs/all.ts'
import { everyVerb } from '../verbs/find.ts'
import { type Flag, GLOBAL_FLAGS, type Kind, type Verb } from '../verbs/verb.ts'

/** A place on the command line, as a shell has to know it. */
export interface Node {
  /** `/` for the program itself, `/trust/add` for a sub-command. */
  readonly path: string
  /** Words that lead further, other names of the same place among them. */
  readonly verbs: readonly { readonly word: string; readonly what: string; readonly to: string }[]
  readonly flags: readonly NodeFlag[]
  /** What the words after it are; the last one holds for those that follow it too, if it may be repeated. */
  readonly operands: readonly { readonly kind: Kind | undefined; readonly isRepeated: boolean }[]
}

export interface NodeFlag {
  /** `--yes` */
  readonly word: string
  readonly what: string
  /** Whether a word belongs to it, which then is no operand. */
  readonly takesValue: boolean
  readonly kind: Kind | undefined
}

const HELP: Flag = { form: '--help', what: 'how a command is used' }

export function nodes(): readonly Node[] {
  const root: Node = {
    path: '/',
    verbs: VERBS.flatMap(({ verbs }) => verbs).flatMap((verb) => wordsOf(verb, '/')),
    flags: [...GLOBAL_FLAGS, { form: '--version', what: 'print the version' }, HELP].map(flagOf),
    operands: [],
  }
  const others = everyVerb()
    .filter(([, verb]) => verb.isHidden !== true)
    .map(([words, verb]): Node => {
      const path = `/${words.join('/')}`
      return {
        path,
        verbs: (verb.verbs ?? []).flatMap((inner) => wordsOf(inner, `${path}/`)),
        flags: [...(verb.flags ?? []), ...GLOBAL_FLAGS, HELP].map(flagOf),
        operands: (verb.operands ?? []).map(({ form, kind }) => ({
          kind: kind === 'topic' ? topicWords() : kind,
          isRepeated: form.includes('...'),
        })),
      }
    })
  return [root, ...others]
}

const wordsOf = (verb: Verb, prefix: string) =>
  verb.isHidden === true
    ? []
    : [verb.name, ...(verb.alias === undefined ? [] : [verb.alias])].map((word) => ({
        word,
        what: verb.what,
        to: `${prefix}${verb.name}`,
      }))

function flagOf({ form, what = '', kind }: Flag): NodeFlag {
  const [word = '', value] = form.split(' ')
  // `--head [COUNT:HASH]`: the word after it may as well be another thing.
  return { word, what, takesValue: value?.startsWith('<') === true, kind }
}

const topicWords = (): readonly string[] => [
  ...VERBS.flatMap(({ verbs }) => verbs)
    .filter(({ isHidden }) => isHidden !== true)
    .map(({ name }) => name),
  ...topicsOf().map(({ name }) => name),
]

/** Every (place, flag) that a word belongs to, as patterns of a shell's `case`: `/install:--until`. */
export const valued = (all: readonly Node[]): readonly string[] =>
  all.flatMap(({ path, flags }) => flags.filter(({ takesValue }) => takesValue).map(({ word }) => `${path}:${word}`))
