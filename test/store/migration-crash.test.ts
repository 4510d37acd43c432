// The moment of a migration itself: killed, beside others, on a disk that cannot be written, and met by an older version.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { openManager, type Recovered } from '../../src/index.ts'
import { openDatabase } from '../../src/store/database.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { BEGUN, homeOfSchema6, STANDING } from './old-homes/home-of-schema-6.ts'
import { GONE, openSchema6, SCHEMA_6 } from './old-homes/schema-6.ts'

const KILLS = 14
const PLUGINS = 4_000
const AT_ONCE = 4
const at = (path: string) => JSON.stringify(join(import.meta.dirname, '../..', path))

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-migration-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Many rows, so that there is a moment to strike at; a hundredth of them of installs that were killed. */
function fillLarge(path: string): void {
  const db = openSchema6(path)
  db.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${PLUGINS})
      INSERT INTO plugins (id, name, uid, high_water, first_seen_ms) SELECT i, 'acme/p' || i, 200000 + i, '1.0.0', 1 FROM n;
    INSERT INTO releases (id, plugin_id, version, sha256, manifest_sha256, signers, policy_digest, verified_at_ms)
      SELECT id, id, '1.0.0', printf('%064d', id), printf('%064d', id), '[]', 'x', 1 FROM plugins;
    INSERT INTO installations (plugin_id, release_id, state, consent, seal, holder, installed_at_ms, changed_at_ms)
      SELECT id, id, iif(id % 100 = 0, 'installing', 'installed'), '{"network":[],"read":[],"env":[]}', randomblob(2000),
        '${GONE}', 1, 1 FROM plugins;
    INSERT INTO events (id, at_ms, kind, subject, details, previous, hash)
      SELECT id, 1, 'installed', name, json_object('sha256', printf('%064d', id)), printf('%064d', id), printf('%064d', id + 1)
      FROM plugins WHERE id % 100 > 0;`)
  db.close()
}

const schemaIn = (db: Database.Database): unknown[] =>
  db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all()

function freshSchema(version: number): unknown[] {
  const db = new Database(':memory:')
  for (const sql of MIGRATIONS.slice(0, version)) db.exec(sql)
  const schema = schemaIn(db)
  db.close()
  return schema
}

/** Opens a database in a process of its own, which says when it begins; resolves with how far it came. */
async function migrating(path: string, killAfterMs: number | null): Promise<{ ms: number; isKilled: boolean }> {
  const script = `
    import { openDatabase } from ${at('src/store/database.ts')}
    import { writeSync } from 'node:fs'
    writeSync(1, 'begins')
    openDatabase(${JSON.stringify(path)}).close()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  const began = performance.now()
  if (killAfterMs !== null) {
    await sleep(killAfterMs)
    child.kill('SIGKILL')
  }
  const [, signal] = await ended
  return { ms: performance.now() - began, isKilled: signal === 'SIGKILL' }
}

test('killed at any moment, a migration has been done or has not begun', async (t) => {
  const folder = folderOf(t)
  const old = join(folder, 'old.db')
  fillLarge(old)
  const schemas = new Map([SCHEMA_6, MIGRATIONS.length].map((version) => [version, freshSchema(version)]))
  const fresh = (name: string) => {
    const path = join(folder, name)
    copyFileSync(old, path)
    return path
  }
  const { ms } = await migrating(fresh('whole.db'), null)
  const seen = { old: 0, new: 0, killed: 0 }
  for (let round = 0; round < KILLS; round++) {
    const path = fresh(`${round}.db`)
    const { isKilled } = await migrating(path, (ms * round) / (KILLS - 2))
    if (isKilled) seen.killed++
    const db = new Database(path)
    const version = Number(db.pragma('user_version', { simple: true }))
    assert.deepEqual(schemaIn(db), schemas.get(version), `round ${round}: schema ${version}`)
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok')
    db.close()
    seen[version === SCHEMA_6 ? 'old' : 'new']++
    const opened = openDatabase(path)
    const count = (what: string) => opened.prepare<[], { n: number }>(`SELECT count(*) AS n FROM ${what}`).get()?.n
    assert.equal(count('installations'), PLUGINS)
    assert.equal(count('installations WHERE gave_uid = 1'), PLUGINS / 100)
    assert.equal(count('releases WHERE installed_at_ms IS NULL'), PLUGINS / 100)
    opened.close()
    for (const file of readdirSync(folder)) if (file.startsWith(`${round}.db`)) rmSync(join(folder, file))
  }
  assert.ok(
    seen.old > 0 && seen.new > 0 && seen.killed > 2,
    `the kills were not spread: ${JSON.stringify(seen)}, ${ms} ms`,
  )
})

test('processes that open an old home at once all work, and what was left is made good by one of them', async (t) => {
  const home = await homeOfSchema6(t)
  const script = `
    import { openManager } from ${at('src/index.ts')}
    const recovered = []
    process.stdin.once('data', async () => {
      const manager = await openManager({ home: ${JSON.stringify(home.layout.home)}, onRecovered: (one) => recovered.push(one) })
      const { ok } = await manager.verify('acme/hello')
      console.log(JSON.stringify({ names: manager.list().map(({ name }) => name), recovered, ok }))
      await manager.close()
      process.exit(0)
    })
    console.log('ready')`
  const children = Array.from({ length: AT_ONCE }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')))
  const answers = await Promise.all(
    children.map(async (child) => {
      let text = ''
      child.stdout.on('data', (data) => (text += data))
      child.stdin.write('go')
      assert.deepEqual(await once(child, 'close'), [0, null])
      return JSON.parse(text) as { names: string[]; recovered: Recovered[]; ok: boolean }
    }),
  )
  for (const { names, ok } of answers) {
    assert.deepEqual(names.filter((name) => name in STANDING).sort(), Object.keys(STANDING).sort())
    assert.equal(ok, true)
  }
  const undone = answers.flatMap(({ recovered }) => recovered).filter(({ kind }) => kind === 'install')
  assert.deepEqual(
    undone.map(({ name, outcome }) => `${name} ${outcome}`).sort(),
    BEGUN.map((name) => `${name} undone`).sort(),
  )
  home.manager = await openManager({ home: home.layout.home })
  assert.deepEqual((await home.manager.gc({ dryRun: true })).collected, [])
  home.manager.verifyAudit()
})

test('what a newer version left in its log when it was killed is left to it, with every byte of the file', async (t) => {
  const path = join(folderOf(t), 'bulkhead.db')
  openDatabase(path).close()
  const script = `
    import { openDatabase } from ${at('src/store/database.ts')}
    const db = openDatabase(${JSON.stringify(path)})
    db.exec('CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY) STRICT')
    db.pragma('user_version = ${MIGRATIONS.length + 1}')
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL'])
  const files = () => [path, `${path}-wal`].map((file) => readFileSync(file))
  const before = files()
  assert.ok((before[1]?.length ?? 0) > 0)
  for (let times = 0; times < 2; times++) {
    const message = new RegExp(`it has schema ${MIGRATIONS.length + 1}, this version knows up to ${MIGRATIONS.length}`)
    assert.throws(() => openDatabase(path), { code: 'STORE_TOO_NEW', message })
  }
  assert.deepEqual(files(), before)
})

const cannotMount = process.geteuid?.() === 0 ? false : 'mounting read-only takes root'
if (cannotMount !== false) console.log(`skipped: ${cannotMount}`)

test('an old home that cannot be written is named as such, and left as it is', { skip: cannotMount }, async (t) => {
  for (const holdsLog of [false, true]) {
    const folder = folderOf(t)
    const path = join(folder, 'bulkhead.db')
    const writer = openSchema6(path)
    // A log that is there lets even such a file be read.
    if (holdsLog) writer.exec("INSERT INTO plugins (name, uid, first_seen_ms) VALUES ('acme/hello', 200000, 1)")
    else writer.close()
    execFileSync('mount', ['--bind', folder, folder])
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', folder])
      const before = readFileSync(path)
      assert.throws(() => openDatabase(path), {
        code: 'DISK_FAILED',
        message: new RegExp(`^cannot open ${path}: its disk is mounted read-only`),
        hint: /findmnt -T/,
      })
      assert.deepEqual(readFileSync(path), before)
    } finally {
      // First, since SQLite closes no file of one that another connection of the process has locked.
      if (holdsLog) writer.close()
      execFileSync('umount', [folder])
    }
  }
})
