/** A page of the manual as data: help shows it in a terminal, the build makes a manual page of it. */
export interface Page {
  /** `plugins install` */
  readonly title: string
  /** One line, without a full stop. */
  readonly what: string
  /** Ways to write the command line; a topic has none. */
  readonly usage: readonly string[]
  readonly sections: readonly Section[]
}

export interface Section {
  readonly title: string
  readonly parts: readonly Part[]
}

export type Part =
  /** A paragraph. */
  | string
  /** Terms, and what each is. */
  | { readonly rows: readonly (readonly [term: string, what: string])[] }
  /** Command lines that work, and what each comes to. */
  | { readonly examples: readonly (readonly [line: string, what: string])[] }
  /** Text that is shown as it is. */
  | { readonly lines: readonly string[] }
