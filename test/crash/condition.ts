import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Layout } from '../../src/core/layout.ts'
import { isPluginName, type PluginName } from '../../src/core/name.ts'
import { closeData } from '../../src/runtime/index.ts'
import { SCRATCH } from './scratch.ts'

/** What a home holds of one plugin, without numbers of rows and moments: equal when nothing differs that anybody could notice. */
export interface PluginCondition {
  readonly rows: Readonly<Record<string, readonly unknown[]>>
  /** Below `plugins/`, `data/` and `snapshots/`: path, owner, mode and content. */
  readonly files: readonly string[]
}

export interface Condition {
  readonly plugins: ReadonlyMap<string, PluginCondition>
  /** What belongs to no plugin, and of which there should be nothing. */
  readonly left: readonly string[]
}

/** One query for each table that a plugin has rows in. Its own row counts once it means something. */
const QUERIES: Readonly<Record<string, string>> = {
  plugins: `SELECT uid, high_water FROM plugins p WHERE name = @name AND (uid IS NOT NULL OR high_water IS NOT NULL
            OR NOT EXISTS (SELECT 1 FROM runs WHERE plugin_id = p.id))`,
  releases: `SELECT version, sha256, manifest_sha256, signers, policy_digest, files_sha256,
             r.installed_at_ms IS NOT NULL AS was_installed, left_at_ms IS NOT NULL AS was_left
             FROM releases r JOIN plugins p ON p.id = r.plugin_id WHERE name = @name ORDER BY version`,
  installations: `SELECT version, state, consent, seal IS NOT NULL AS sealed, purging, unsigned_until_ms, source, asked, requires
             FROM installations i JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id
             WHERE name = @name ORDER BY version, state`,
  snapshots: `SELECT version, folder FROM snapshots s JOIN plugins p ON p.id = s.plugin_id
             JOIN releases r ON r.id = s.release_id WHERE name = @name ORDER BY version`,
  holds: 'SELECT until_ms, reason FROM holds h JOIN plugins p ON p.id = h.plugin_id WHERE name = @name',
  approvals: `SELECT version, sha256, way, grants FROM approvals a JOIN plugins p ON p.id = a.plugin_id
             WHERE name = @name ORDER BY a.id`,
  waiting:
    'SELECT version, sha256, source, widening FROM waiting w JOIN plugins p ON p.id = w.plugin_id WHERE name = @name',
  verifications: `SELECT r.version, occasion, verdict FROM verifications v JOIN releases r ON r.id = v.release_id
             JOIN plugins p ON p.id = r.plugin_id WHERE name = @name AND occasion = 'install' ORDER BY r.version`,
}

/** Looks with its own eyes: nothing of Bulkhead is asked. */
export function conditionOf(home: string): Condition {
  const layout = new Layout(home)
  // Nobody may write to an image while it is looked at; and what is mounted is no other state than what is not.
  for (const name of namesOnDisk(layout)) if (isPluginName(name)) closeData(layout.data(name))
  const db = new Database(layout.database, { readonly: true })
  try {
    const named = db.prepare<[], { name: string }>('SELECT name FROM plugins').all()
    const names = new Set([...named.map(({ name }) => name), ...namesOnDisk(layout)])
    const plugins = new Map<string, PluginCondition>()
    for (const name of [...names].sort()) {
      const rows = Object.fromEntries(
        Object.entries(QUERIES).map(([table, query]) => [table, db.prepare(query).all({ name })]),
      )
      const files = isPluginName(name) ? filesOf(layout, name) : []
      if (files.length + Object.values(rows).flat().length > 0) plugins.set(name, { rows, files })
    }
    return { plugins, left: [...leftIn(layout, db), ...unmatched(layout, db)] }
  } finally {
    db.close()
  }
}

const filesOf = (layout: Layout, name: PluginName): string[] =>
  [layout.release(name, '', '' as never).slice(0, -2), layout.data(name), layout.snapshots(name)].flatMap((top) =>
    listing(layout.home, top.slice(layout.home.length + 1)),
  )

/** Two words for one thing are two things: `ns/name` folders of anything, wherever plugins have folders. */
function namesOnDisk(layout: Layout): string[] {
  return [layout.plugins, layout.allData, layout.allSnapshots].flatMap((top) =>
    namesIn(top).flatMap((namespace) => namesIn(join(top, namespace)).map((base) => `${namespace}/${base}`)),
  )
}

/** Nobody is at work: so no change, no half of one, and nothing private to one is there. */
function leftIn(layout: Layout, db: Database.Database): string[] {
  const rows = ['changes', 'steps'].flatMap((table) =>
    db
      .prepare(`SELECT * FROM ${table}`)
      .all()
      .map((row) => `${table}: ${JSON.stringify(row)}`),
  )
  const pending = db
    .prepare(
      "SELECT i.state, p.name FROM installations i JOIN plugins p ON p.id = i.plugin_id WHERE state IN ('installing', 'removing')",
    )
    .all()
    .map((row) => `installations: ${JSON.stringify(row)}`)
  const runs = db.prepare('SELECT id, hook FROM runs WHERE ended_at_ms IS NULL').all()
  const uids = db
    .prepare(
      `SELECT name, uid FROM plugins p WHERE uid IS NOT NULL AND high_water IS NULL
       AND NOT EXISTS (SELECT 1 FROM installations WHERE plugin_id = p.id)`,
    )
    .all()
    .map((row) => `user id of nobody: ${JSON.stringify(row)}`)
  const folders = [layout.staging, layout.spool].flatMap((folder) => namesIn(folder).map((name) => join(folder, name)))
  const broken = db.pragma('foreign_key_check') as unknown[]
  const damaged = (db.pragma('integrity_check') as { integrity_check: string }[]).filter(
    ({ integrity_check }) => integrity_check !== 'ok',
  )
  return [
    ...rows,
    ...pending,
    ...runs.map((row) => `open run: ${JSON.stringify(row)}`),
    ...uids,
    ...folders,
    ...[...broken, ...damaged].map((row) => `database: ${JSON.stringify(row)}`),
  ]
}

/** Folders of releases and snapshots without a row, and rows without a folder. */
function unmatched(layout: Layout, db: Database.Database): string[] {
  const all = (query: string) =>
    db.prepare<[], { name: PluginName; version: string; sha256: string; folder: string }>(query).all()
  const releases = all(`SELECT name, version, sha256 FROM installations i
    JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id`)
  const snapshots = all('SELECT name, folder FROM snapshots s JOIN plugins p ON p.id = s.plugin_id')
  return [
    ...pairs(
      layout.plugins,
      releases.map(({ name, version, sha256 }) => layout.release(name, version, sha256 as never)),
    ),
    ...pairs(
      layout.allSnapshots,
      snapshots.map(({ name, folder }) => join(layout.snapshots(name), folder)),
    ),
  ]
}

function pairs(top: string, named: readonly string[]): string[] {
  const there = namesIn(top).flatMap((namespace) =>
    namesIn(join(top, namespace)).flatMap((base) =>
      namesIn(join(top, namespace, base)).map((name) => join(top, namespace, base, name)),
    ),
  )
  return [
    ...there.filter((path) => !named.includes(path)).map((path) => `without a row: ${path.slice(top.length)}`),
    ...named.filter((path) => !there.includes(path)).map((path) => `not there: ${path.slice(top.length)}`),
  ]
}

/** What is there for as long as somebody works, what nobody ever looks at again, and where an image is mounted when it is used. */
const PASSING = /\/(?:lock(?:\.\d+|\.stale)?|mnt)$/

function listing(home: string, at: string): string[] {
  const stats = lstatSync(join(home, at), { throwIfNoEntry: false })
  if (stats === undefined || PASSING.test(at)) return []
  const rights = `${stats.uid}:${stats.gid} ${(stats.mode & 0o7777).toString(8)}`
  if (stats.isDirectory()) {
    return [`${at}/ ${rights}`, ...namesIn(join(home, at)).flatMap((name) => listing(home, join(at, name)))]
  }
  if (stats.isSymbolicLink()) return [`${at} -> ${readlinkSync(join(home, at))}`]
  if (at.endsWith('/image.ext4')) return [`${at} ${rights} image of ${stats.size}`, ...inside(join(home, at), at)]
  return [`${at} ${rights} ${stats.isFile() ? digestOf(join(home, at)) : 'special'}`]
}

/** An image is another one after each mount; what counts is what is in it. */
function inside(image: string, at: string): string[] {
  const point = mkdtempSync(join(SCRATCH, 'image-'))
  run('mount', '-o', 'loop', image, point)
  const lines = namesIn(point).flatMap((name) => listing(point, name))
  run('umount', point)
  rmdirSync(point)
  return lines.map((line) => `${at}/${line}`)
}

export function run(...[command, ...args]: readonly [string, ...string[]]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

const digestOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}
