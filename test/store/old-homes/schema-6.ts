import { rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { PluginName } from '../../../src/core/name.ts'
import type { VerifiedRelease } from '../../../src/core/verified.ts'
import { Events } from '../../../src/store/events.ts'
import { MIGRATIONS } from '../../../src/store/migrations.ts'
import { NOTHING } from '../stores.ts'

export const SCHEMA_6 = 6

/** What no version of schema 6 wrote into the trail. */
const LATER_KINDS = new Set([
  'approved',
  'waiting',
  'waiting-ended',
  'held',
  'unheld',
  'collected',
  'undone',
  'finished',
])

/** A process that is gone. */
export const GONE = '1:1:00000000-0000-0000-0000-000000000000'

/**
 * Takes a database back to schema 6, with all that such a one could hold. A version that is kept was on its way out then, and
 * whoever was at that is gone.
 */
export function backToSchema6(path: string): void {
  const before = `${path}.before`
  const now = new Database(path)
  now.prepare('VACUUM INTO ?').run(before)
  now.close()
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
  const db = openSchema6(path)
  db.prepare('ATTACH ? AS now').run(before)
  for (const table of [
    'plugins',
    'releases',
    'runs',
    'minutes',
    'documents',
    'verifications',
    'verification_roots',
    'clock',
  ])
    db.exec(
      `INSERT OR REPLACE INTO main.${table} (${columns(db, table)}) SELECT ${columns(db, table)} FROM now.${table}`,
    )
  const leaving = columns(db, 'installations')
    .replace(/\bstate\b/, "iif(state = 'kept', 'removing', state)")
    .replace(/\bholder\b/, `iif(state = 'kept', '${GONE}', holder)`)
  db.exec(`INSERT INTO main.installations (${columns(db, 'installations')}) SELECT ${leaving} FROM now.installations`)
  const events = new Events(db)
  type Row = { at_ms: number; kind: string; subject: string; details: string }
  for (const { at_ms, kind, subject, details } of db.prepare<[], Row>('SELECT * FROM now.events ORDER BY id').all())
    if (!LATER_KINDS.has(kind)) events.append(at_ms, kind, subject, JSON.parse(details))
  db.exec('DETACH now')
  db.close()
  rmSync(before)
}

/** A new one, or one that is there. */
export function openSchema6(path: string): Database.Database {
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  if (db.pragma('user_version', { simple: true }) === 0) {
    for (const sql of MIGRATIONS.slice(0, SCHEMA_6)) db.exec(sql)
    db.pragma(`user_version = ${SCHEMA_6}`)
  }
  return db
}

const columns = (db: Database.Database, table: string): string =>
  db
    .prepare<[string], { name: string }>("SELECT name FROM pragma_table_info(?, 'main')")
    .all(table)
    .map(({ name }) => name)
    .join(', ')

/** `Store.begin` as schema 6 had it, by a process that was killed afterwards. Gives the user id. */
export function begunInSchema6(path: string, { verified }: VerifiedRelease): number {
  const { name, version, sha256, manifestDigest } = verified.statement
  const db = openSchema6(path)
  try {
    const known = db
      .prepare<[string], { id: number; uid: number | null }>('SELECT id, uid FROM plugins WHERE name = ?')
      .get(name)
    const uid = known?.uid ?? freeUidIn(db)
    const plugin =
      known?.id ??
      db.prepare('INSERT INTO plugins (name, uid, first_seen_ms) VALUES (?, ?, 5)').run(name, uid).lastInsertRowid
    db.prepare('UPDATE plugins SET uid = ? WHERE id = ?').run(uid, plugin)
    const release = db
      .prepare<unknown[], { id: number }>(
        `INSERT INTO releases (plugin_id, version, sha256, manifest_sha256, signers, policy_digest, verified_at_ms)
         VALUES (?, ?, ?, ?, '[]', ?, 5)
         ON CONFLICT (plugin_id, version) DO UPDATE SET verified_at_ms = excluded.verified_at_ms RETURNING id`,
      )
      .get(plugin, version, sha256, manifestDigest, verified.policyDigest)
    db.prepare(
      `INSERT INTO installations (plugin_id, release_id, state, consent, holder, installed_at_ms, changed_at_ms)
       VALUES (?, ?, 'installing', ?, ?, 5, 5)`,
    ).run(plugin, release?.id, JSON.stringify(NOTHING), GONE)
    return uid
  } finally {
    db.close()
  }
}

const freeUidIn = (db: Database.Database): number =>
  (db.prepare<[], { uid: number }>('SELECT max(uid) + 1 AS uid FROM plugins').get()?.uid ?? 0) || 200_000

/** A removal that a killed process had begun, in a database of schema 6. */
export function removingInSchema6(path: string, name: PluginName, { purge }: { readonly purge: boolean }): void {
  const db = openSchema6(path)
  const { changes } = db
    .prepare(
      `UPDATE installations SET state = 'removing', purging = ?, holder = ?
       WHERE state = 'installed' AND plugin_id = (SELECT id FROM plugins WHERE name = ?)`,
    )
    .run(purge ? 1 : 0, GONE, name)
  new Events(db).append(6, 'removing', name, { version: '1.0.0', purge })
  db.close()
  if (changes !== 1) throw new Error(`${name} is not installed`)
}
