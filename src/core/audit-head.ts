import { UsageError } from './errors.ts'
import { printable } from './printable.ts'

/** Where the audit trail ends: kept elsewhere, it proves later that the trail was neither cut nor written anew. */
export interface AuditHead {
  /** How many events there are. */
  readonly count: number
  /** Hash of the last; of an empty trail zeros. */
  readonly head: string
}

export const formatAuditHead = ({ count, head }: AuditHead): string => `${count}:${head}`

/** @throws UsageError */
export function parseAuditHead(text: string): AuditHead {
  const [, count, head] = /^(0|[1-9][0-9]{0,14}):([0-9a-f]{64})$/.exec(text) ?? []
  if (count !== undefined && head !== undefined) return { count: Number(count), head }
  throw new UsageError('USAGE', `cannot use "${printable(text)}" as a head: expected COUNT:HASH`, {
    hint: 'plugins audit --head prints one',
  })
}
