import type { Section } from '../manual/page.ts'

/** Something that is not about one command. */
export interface Topic {
  readonly name: string
  /** One line, without a full stop. */
  readonly what: string
  /** Made when it is asked for, where it can be from what the program itself goes by. */
  readonly load: () => Promise<readonly Section[]>
}
