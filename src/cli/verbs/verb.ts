import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'

/** What a command module exports: strings in, one library call, text out. Answers its exit code, if that is not 0. */
export type Action = (settings: Settings, io: Io, ...given: never[]) => Promise<unknown>

/** What a word of the command line is, for a shell that completes it. A list is all that is accepted there. */
export type Kind = readonly string[] | 'plugin' | 'tarball' | 'tarball-or-plugin' | 'file' | 'folder' | 'topic'

export interface Operand {
  /** As commander reads it: `<name>`, `[name]`, `[names...]`. */
  readonly form: string
  readonly what?: string
  readonly kind?: Kind
}

export interface Flag {
  /** As commander reads it: `--yes`, `--key <FILE>`, `--head [COUNT:HASH]`, `--grant <G...>`. */
  readonly form: string
  readonly what?: string
  readonly kind?: Kind
  readonly isRequired?: true
  readonly default?: string
}

/** A command line that works, and what it comes to. */
export type Example = readonly [line: string, what: string]

/**
 * One command as data: the command line is parsed by it, and help, manual pages and shell completion are made from it. Its
 * code is loaded when it is chosen, so that the others cost nothing.
 */
export interface Verb {
  readonly name: string
  readonly alias?: string
  /** What other tools call it, for whoever types that here. */
  readonly elsewhere?: readonly string[]
  /** Left out of help and completion. */
  readonly isHidden?: true
  /** One line, without a full stop. */
  readonly what: string
  readonly operands?: readonly Operand[]
  readonly flags?: readonly Flag[]
  readonly examples?: readonly Example[]
  /** What the line does not say: paragraphs, for `plugins help NAME` and the manual page. */
  readonly more?: readonly string[]
  /** Sub-commands, in place of an action. */
  readonly verbs?: readonly Verb[]
  readonly load?: () => Promise<Action>
  /** Its action is given the whole command line instead, and parses it itself. */
  readonly parsesItself?: true
}

export interface VerbGroup {
  /** As a heading: `For authors`. */
  readonly title: string
  readonly verbs: readonly Verb[]
}

/** What every command takes. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { form: '--home <DIR>', what: 'where everything is kept (environment: BULKHEAD_HOME)', kind: 'folder' },
  { form: '--json', what: 'print exactly one JSON document' },
  { form: '--quiet', what: 'print no progress and no advice' },
  { form: '--no-color', what: 'print no colour (environment: NO_COLOR)' },
]
