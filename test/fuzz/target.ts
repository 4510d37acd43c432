import type { Mutation } from './byte-mutations.ts'

/** What one input came to: the value it was read as, or nothing because it was refused as it should be. */
export interface Trial {
  /**
   * Reads one input and asks of what was read whatever must hold of it.
   * @throws PluginError for an input that is refused
   * @throws Violation when the input broke a rule; anything else that is thrown is a finding as well
   */
  readonly attempt: (input: Buffer) => unknown
}

/** One parser under fuzzing. A row of `targets.ts`. */
export interface Target {
  readonly name: string
  /** Part of all inputs, in thousandths; those that cost milliseconds get fewer. */
  readonly share: number
  readonly mutate: Mutation
  readonly dictionary: readonly string[]
  /** The codes it may refuse with. Any other is a finding, `VERIFIER_ERROR` and `INTERNAL` above all. */
  readonly refuses: (code: string) => boolean
  /** What one input may cost beside itself; the default is generous for a text of 128 KiB. */
  readonly memoryMiB?: number
  /** Coverage makes JavaScript that computes much ten times slower: such a target goes without. */
  readonly unguided?: boolean
  /** More seeds than the kept corpus: what tests have by name already. */
  readonly seeds?: () => readonly Buffer[]
  /** The bytes that are worth making smaller, when they lie packed in the input. */
  readonly inside?: { readonly unpack: (input: Buffer) => Buffer | null; readonly pack: (bytes: Buffer) => Buffer }
  readonly open: () => Promise<Trial>
}

/** An input was accepted and should not have been, or not as that. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what)
}
