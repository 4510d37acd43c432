import { topicsOf } from '../topics/all.ts'
import { VERBS } from '../verbs/all.ts'
import { type Flag, GLOBAL_FLAGS, type Operand, type Verb } from '../verbs/verb.ts'
import type { Page, Section } from './page.ts'

/** The page of all commands. */
export function programPage(): Page {
  return {
    title: 'plugins',
    what: 'signed plugins, each in its own watertight compartment',
    usage: ['plugins [options] COMMAND …'],
    sections: [
      ...VERBS.map(({ title, verbs }) => ({
        title,
        parts: [
          {
            rows: verbs.filter((verb) => verb.isHidden !== true).map((verb) => [shortUsage(verb), verb.what] as const),
          },
        ],
      })),
      {
        title: 'Options of every command',
        parts: [
          {
            rows: [
              ...rowsOf(GLOBAL_FLAGS),
              ['-V, --version', 'print the version'],
              ['-h, --help', 'how a command is used'],
            ],
          },
        ],
      },
      {
        title: 'Examples',
        parts: [
          {
            examples: [
              ["plugins trust add acme.pub --for 'acme/*'", 'say whom you trust, for which names'],
              ['plugins install acme-hello-1.0.0.tgz', 'see what it asks for, and install it'],
              ['plugins run acme/hello -- Ada', 'run it in its sandbox'],
            ],
          },
        ],
      },
      { title: 'Topics, with plugins help TOPIC', parts: [{ rows: topicsOf().map(({ name, what }) => [name, what]) }] },
    ],
  }
}

export function verbPage(path: readonly string[], verb: Verb): Page {
  return {
    title: ['plugins', ...path].join(' '),
    what: verb.what,
    usage: usageOf(path, verb),
    sections: [
      ...section(
        'Commands',
        (verb.verbs ?? []).map((inner) => [shortUsage(inner), inner.what]),
      ),
      ...section('Arguments', (verb.operands ?? []).filter(({ what }) => what !== undefined).map(operandRow)),
      ...section('Options', rowsOf(verb.flags ?? [])),
      ...(verb.more === undefined ? [] : [{ title: 'Notes', parts: verb.more }]),
      ...(verb.examples === undefined ? [] : [{ title: 'Examples', parts: [{ examples: verb.examples }] }]),
    ],
  }
}

function section(title: string, rows: readonly (readonly [string, string])[]): readonly Section[] {
  return rows.length === 0 ? [] : [{ title, parts: [{ rows }] }]
}

/** `plugins sign [options] <tarball>` */
function usageOf(path: readonly string[], verb: Verb): readonly string[] {
  const words = ['plugins', ...path]
  if (verb.verbs !== undefined) return [[...words, 'COMMAND …'].join(' ')]
  const required = (verb.flags ?? []).filter(({ isRequired }) => isRequired === true).map(({ form }) => form)
  const isOptional = (verb.flags ?? []).length > required.length
  const operands = (verb.operands ?? []).map(({ form }) => form)
  const own = [[...words, ...(isOptional ? ['[options]'] : []), ...required, ...operands].join(' ')]
  return verb.alias === undefined ? own : [...own, ['plugins', ...path.slice(0, -1), verb.alias, '…'].join(' ')]
}

/** As in a list of commands: `list|ls`, `sign [options] <tarball>`. */
const shortUsage = ({ name, alias, operands = [] }: Verb): string =>
  [alias === undefined ? name : `${name}|${alias}`, ...operands.map(({ form }) => form)].join(' ')

const operandRow = ({ form, what = '' }: Operand): readonly [string, string] => [form.replace(/[<>[\]]/g, ''), what]

const rowsOf = (flags: readonly Flag[]): readonly (readonly [string, string])[] =>
  flags.map((flag) => [flag.form, flagText(flag)])

/** What it does, what may stand there, and what stands there if nothing does. */
export function flagText({ what = '', kind, isRequired, default: fallback }: Flag): string {
  const notes = [
    ...(typeof kind === 'object' ? [kind.join(', ')] : []),
    ...(isRequired === true ? ['needed'] : []),
    ...(fallback === undefined ? [] : [`default: ${fallback}`]),
  ]
  if (notes.length === 0) return what
  return what === '' ? notes.join('; ') : `${what} (${notes.join('; ')})`
}
