import type { Db, DbStatement } from './database.ts'

/** More than there are texts; a text that is made of values must not fill the memory. */
const KEPT_MAX = 256

/** What better-sqlite3 says of a statement whose rows are being read: nobody else may begin it. */
type Kept = DbStatement<unknown[], unknown> & { readonly busy?: boolean }

/**
 * Compiles each text once: to compile one takes longer than to run it. SQLite compiles it anew by itself when another process
 * has changed the schema (sqlite3_prepare_v3).
 */
export function keepStatements(db: Db): Db {
  const kept = new Map<string, Kept>()
  const prepare = db.prepare.bind(db) as (sql: string) => Kept
  const prepareOnce = (sql: string): Kept => {
    const known = kept.get(sql)
    if (known !== undefined && known.busy !== true) return known
    const fresh = prepare(sql)
    if (kept.size < KEPT_MAX) kept.set(sql, fresh)
    return fresh
  }
  db.prepare = prepareOnce as Db['prepare']
  return db
}
