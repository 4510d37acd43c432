import type { OpenChange } from './step.ts'

/** A change that a process which is gone left behind, and what has become of it. */
export interface Recovered extends Pick<OpenChange, 'name' | 'kind' | 'startedAtMs'> {
  /** `undone`: everything is as it was before; `finished`: it had come true, and is cleared up. */
  readonly outcome: 'undone' | 'finished'
}

const NOUNS: Readonly<Record<OpenChange['kind'], string>> = {
  install: 'installation',
  update: 'update',
  rollback: 'rollback',
  remove: 'removal',
  repair: 'repair',
}

/** What a change is called: "update of acme/hello". */
export const titleOfChange = ({ kind, name }: Pick<OpenChange, 'kind' | 'name'>): string => `${NOUNS[kind]} of ${name}`

/** One sentence for whoever comes after. */
export const formatRecovered = (recovered: Recovered): string =>
  recovered.outcome === 'undone'
    ? `the ${titleOfChange(recovered)} was interrupted: it is undone, and everything is as it was before`
    : `the ${titleOfChange(recovered)} had been done when it was interrupted: it stands, and is cleared up`
