import type { OpenChange } from './step.ts'

/** A change that a process which is gone left behind, and what has become of it. */
export interface Recovered extends Pick<OpenChange, 'name' | 'kind'> {
  /**
   * `undone`: everything is as it was before; `finished`: it had come true, and is cleared up; `left`: it could not be done now,
   * and is tried again by the next command.
   */
  readonly outcome: 'undone' | 'finished' | 'left'
  /** Why it is left; of one that had come true, why it was not cleared up then, if that is known; else `null`. */
  readonly reason: string | null
}

const NOUNS: Readonly<Record<OpenChange['kind'], string>> = {
  install: 'installation',
  update: 'update',
  rollback: 'rollback',
  remove: 'removal',
  repair: 'repair',
  gc: 'clearing up',
}

/** What a change is called: "update of acme/hello". */
export const titleOfChange = ({ kind, name }: Pick<OpenChange, 'kind' | 'name'>): string => `${NOUNS[kind]} of ${name}`

/** One sentence for whoever comes after. */
export function formatRecovered(recovered: Recovered): string {
  const title = `the ${titleOfChange(recovered)}`
  switch (recovered.outcome) {
    case 'undone':
      return `${title} was interrupted: ${UNDONE[recovered.kind] ?? 'it is undone, and everything is as it was before'}`
    case 'finished':
      return recovered.reason === null
        ? `${title} had been done when it was interrupted: it stands, and is cleared up`
        : `${title} was done and could not be cleared up then (${recovered.reason}): it stands, and is cleared up now`
    case 'left':
      return `${title} was interrupted, and could not be cleared up now (${recovered.reason}): the next command tries again`
  }
}

/** Each of these is many small ones: those that were done are not taken back. */
const UNDONE: { readonly [K in OpenChange['kind']]?: string } = {
  repair: 'what it had put right stays so, and the rest is as it was before',
  gc: 'what it had removed is gone, and the rest is as it was before',
}
