// kill -9 at any moment of an install, an update or a removal, alone and with seven others at work: afterwards the store
// is whole. BULKHEAD_KILLS=1000 tries longer than the tests do, and `npm run crash` at every write.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { Layout } from '../../../src/core/layout.ts'
import { openManager } from '../../../src/index.ts'
import { type Authority, authority } from '../../helpers/authority.ts'
import { trust, writeRelease } from '../../manager/household.ts'

const KILLS = Number(process.env.BULKHEAD_KILLS ?? 60)
const HAMMERS = 8
const ONE = 'acme/one'

interface Home {
  readonly layout: Layout
  publish(name: string, version: string): string
}

async function makeHome(t: TestContext): Promise<Home> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-kill-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const layout = new Layout(join(folder, 'home'))
  mkdirSync(layout.home, { mode: 0o700 })
  const publisher: Authority = await authority()
  await trust(layout, publisher)
  // Some folders and files, so that there is a middle to strike in.
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`d${at % 6}/f${at}.js`, `${at}`.repeat(200)]))
  return {
    layout,
    publish(name, version) {
      const { tarball, bundle } = publisher.publish({ name, version, files: { ...files, 'v.js': version } })
      return writeRelease(join(folder, `${name.replace('/', '-')}-${version}`), tarball, bundle)
    },
  }
}

/** Started, and at the beginning of its work. */
async function hammer(home: Home, verb: string, ...targets: string[]): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'hammer.ts')
  const child = spawn(process.execPath, [script, home.layout.home, verb, ...targets], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Half of the time would go by with compiling the same sources again.
    env: { ...process.env, NODE_COMPILE_CACHE: join(home.layout.home, '..', 'compiled') },
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  // Nobody ends by itself but with its work done; what fell over tells why.
  child.once('exit', (code) => {
    if (code !== null && code !== 0) faults.push(`${verb}: ${said}`)
  })
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  return child
}
const faults: string[] = []

/** True when it struck: a process that had ended was not killed. */
async function kill(child: ChildProcess): Promise<boolean> {
  const isStruck = child.exitCode === null && child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return isStruck && child.signalCode === 'SIGKILL'
}

/** What the next command finds: and everything that must hold then. Gives each plugin's version. */
async function inspect({ layout }: Home): Promise<Map<string, string>> {
  const plugins = await openManager({ home: layout.home })
  try {
    const list = plugins.list()
    plugins.verifyAudit()
    for (const { ok, target, error } of await plugins.verifyAll()) assert.ok(ok, `${target}: ${error?.message}`)

    const db = new Database(layout.database, { readonly: true })
    const pending = db.prepare("SELECT * FROM installations WHERE state NOT IN ('installed', 'disabled', 'kept')").all()
    const changes = db.prepare('SELECT * FROM changes').all()
    const here = db
      .prepare(
        `SELECT p.name, r.version, r.sha256 FROM installations i
         JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id`,
      )
      .all() as { name: string; version: string; sha256: string }[]
    const known = db.prepare('SELECT name, uid FROM plugins').all() as { name: string; uid: number | null }[]
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok')
    assert.deepEqual(db.pragma('foreign_key_check'), [])
    db.close()
    assert.deepEqual([...pending, ...changes], [], 'no row is left pending')

    const expected = here.map((one) =>
      relative(layout.plugins, layout.release(one.name as never, one.version, one.sha256 as never)),
    )
    assert.deepEqual(treesIn(layout.plugins), expected.sort(), 'the trees are those of the rows')
    assert.deepEqual(existsSync(layout.staging) ? readdirSync(layout.staging) : [], [], 'staging is empty')

    const uids = known.flatMap(({ uid }) => uid ?? [])
    assert.equal(new Set(uids).size, uids.length, 'no user id is shared')
    for (const { name, uid } of known) {
      if (uid !== null) continue
      assert.equal(
        list.some((one) => one.name === name),
        false,
        `${name} has a user id`,
      )
      assert.equal(
        existsSync(layout.data(name as never)),
        false,
        `${name} gave its user id back with its data still there`,
      )
    }
    return new Map(list.map(({ name, version }) => [name as string, version]))
  } finally {
    await plugins.close()
  }
}

/** `ns/name/release` of every tree; an empty folder counts as what it is: something left behind. */
function treesIn(folder: string, depth = 0): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (depth === 2) return names
  return names
    .flatMap((name) => {
      const below = treesIn(join(folder, name), depth + 1)
      return below.length === 0 ? [`${name} is empty`] : below.map((path) => join(name, path))
    })
    .sort()
}

test('killed at any moment, one change is done or undone, and nothing of it is left', {
  timeout: 280_000,
}, async (t) => {
  const home = await makeHome(t)
  const [v1, v2] = [home.publish(ONE, '1.0.0'), home.publish(ONE, '2.0.0')]
  const changes = [
    { verb: 'install', target: v1, from: undefined, to: '1.0.0' },
    { verb: 'install', target: v2, from: '1.0.0', to: '2.0.0' },
    { verb: 'purge', target: ONE, from: '2.0.0', to: undefined },
    { verb: 'install', target: v2, from: undefined, to: '2.0.0' },
    { verb: 'remove', target: ONE, from: '2.0.0', to: undefined },
  ]
  const seen = { struck: 0, undone: 0, done: 0 }
  const rounds = Math.ceil(KILLS / 4 / changes.length)
  for (let round = 0; round < rounds; round++) {
    for (const { verb, target, from, to } of changes) {
      if (verb === 'purge') mkdirSync(join(home.layout.data(ONE as never), 'deep'), { recursive: true })
      const child = await hammer(home, verb, target)
      // Spread over the work, not chance alone: each round strikes a little later.
      await sleep(((round + Math.random()) / rounds) * (verb === 'install' ? 150 : 50))
      if (await kill(child)) seen.struck++
      const found = (await inspect(home)).get(ONE)
      assert.ok(found === from || found === to, `${verb} from ${from} to ${to} left ${found}`)
      if (found === to) seen.done++
      else {
        seen.undone++
        const plugins = await openManager({ home: home.layout.home })
        if (verb === 'install') await plugins.install(target, { consent: () => true })
        else await plugins.remove(target, { purge: verb === 'purge' })
        await plugins.close()
        assert.equal((await inspect(home)).get(ONE), to)
      }
    }
    // The next round begins where the first did: without the plugin, and without its high-water mark in the way.
    const db = new Database(home.layout.database)
    db.exec('UPDATE plugins SET high_water = NULL')
    db.close()
  }
  t.diagnostic(JSON.stringify(seen))
  assert.deepEqual(faults, [])
  assert.ok(seen.struck >= seen.done / 4 && seen.undone > 0, `the kills missed: ${JSON.stringify(seen)}`)
})

test('eight at work on one home, each killed at a moment of its own, leave it whole', {
  timeout: 280_000,
}, async (t) => {
  const home = await makeHome(t)
  const tarballs = ['acme/one', 'acme/two'].flatMap((name) =>
    ['1.0.0', '2.0.0'].map((version) => home.publish(name, version)),
  )
  let struck = 0
  const wanted = Math.ceil((KILLS * 3) / 4)
  while (struck < wanted) {
    const hammers = await Promise.all(Array.from({ length: HAMMERS }, () => hammer(home, 'loop', ...tarballs)))
    const kills = hammers.map(async (child) => {
      await sleep(Math.random() * 700)
      return kill(child)
    })
    const killed = (await Promise.all(kills)).filter((isStruck) => isStruck).length
    assert.deepEqual(faults, [])
    assert.ok(killed > 0)
    struck += killed
    await inspect(home)
  }
  t.diagnostic(`${struck} killed`)
})

test('two installs of one plugin at once: one release stands, whole, and both say so', async (t) => {
  const home = await makeHome(t)
  const [v1, v2] = [home.publish(ONE, '1.0.0'), home.publish(ONE, '2.0.0')]
  for (let round = 0; round < 3; round++) {
    const both = await Promise.all([v1, v2].map((tarball) => hammer(home, 'install', tarball)))
    await Promise.all(both.map((child) => (child.exitCode === null ? once(child, 'exit') : null)))
    assert.deepEqual(faults, [])
    assert.equal((await inspect(home)).size, 1)
    const plugins = await openManager({ home: home.layout.home })
    await plugins.remove(ONE, { purge: true })
    await plugins.close()
    await inspect(home)
  }
})
