import { StoreError } from '../core/errors.ts'
import type { Db } from './database.ts'

/** The host user ids plugins may be given: `first` up to `first + count - 1`. */
export interface UidRange {
  readonly first: number
  readonly count: number
}

/** The lowest that no plugin has. @throws StoreError `UIDS_EXHAUSTED` */
export function freeUid(db: Db, { first, count }: UidRange): number {
  const row = db
    .prepare<[number, number, number], { uid: number | null }>(
      `SELECT min(candidate) AS uid FROM (
         SELECT ? AS candidate UNION ALL SELECT uid + 1 FROM plugins WHERE uid >= ? AND uid < ?
       ) WHERE candidate NOT IN (SELECT uid FROM plugins WHERE uid IS NOT NULL)`,
    )
    .get(first, first, first + count - 1)
  if (row?.uid != null) return row.uid
  throw new StoreError('UIDS_EXHAUSTED', `cannot give the plugin a user id: all ${count} from ${first} up are taken`, {
    hint: 'plugins remove --purge gives one back, or widen "uids" in config.json',
  })
}
