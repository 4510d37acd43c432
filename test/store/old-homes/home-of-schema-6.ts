import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PluginName } from '../../../src/core/name.ts'
import { Trees } from '../../../src/store/index.ts'
import { packed, type ReleaseSpec, trusting } from '../../helpers/authority.ts'
import { verifierFor } from '../../helpers/examine.ts'
import { agree, type Household, household, rewrite, writeRelease } from '../../manager/household.ts'
import { backToSchema6, begunInSchema6, GONE, openSchema6, removingInSchema6 } from './schema-6.ts'

const KILLED_RUN = '0'.repeat(32)
const ENDED_RUN = '1'.repeat(32)
const DEAD_STAGE = `${GONE}~0123456789abcdef`

/** What stands in a home of schema 6, by what has become of it. */
export const STANDING = {
  'acme/hello': 'installed',
  'acme/off': 'disabled',
  'acme/bad': 'quarantined',
  'acme/moved': 'installed',
  'acme/growing': 'installed',
  'free/tool': 'installed',
} as const

/** Installs that were killed: their rows were begun, and some of their trees stood. */
export const BEGUN = ['acme/new', 'acme/early', 'acme/again', 'acme/purged', 'acme/growing'] as const

export interface OldHome extends Household {
  /** User ids that killed installs had been given. */
  readonly begunUids: ReadonlyMap<string, number>
}

/**
 * A home in every state that one of schema 6 can be in: its releases and its data are real, its database is made of the first six
 * migrations, and its manager is closed.
 */
export async function homeOfSchema6(context: TestContext): Promise<OldHome> {
  const house = await household(context)
  await fill(house)
  await house.manager.close()
  const { database } = house.layout
  backToSchema6(database)
  const begunUids = new Map<string, number>()
  const begin = async (spec: ReleaseSpec, isStanding = true) =>
    begunUids.set(spec.name ?? '', await killedInstall(house, spec, isStanding))
  await begin({ name: 'acme/new' })
  await begin({ name: 'acme/early' }, false)
  await begin({ name: 'acme/again' })
  await begin({ name: 'acme/purged', version: '2.0.0' })
  await begin({ name: 'acme/growing', version: '2.0.0' })
  removingInSchema6(database, 'acme/going' as PluginName, { purge: false })
  removingInSchema6(database, 'acme/leaving' as PluginName, { purge: true })
  addRuns(database)
  mkdirSync(join(house.layout.staging, DEAD_STAGE), { recursive: true, mode: 0o700 })
  return Object.assign(house, { begunUids })
}

/** By today's code, which leaves the same files. */
async function fill(house: Household): Promise<void> {
  const { manager, layout } = house
  const install = (name: string, version = '1.0.0') => house.install({ name, version })
  await install('acme/hello')
  writeData(house, 'acme/hello')
  await install('acme/off')
  manager.disable('acme/off')
  await install('acme/bad')
  rewrite(join(house.packageOf('acme/bad' as PluginName), 'main.js'), 'console.log("evil")\n')
  await manager.verifyAll({ quarantine: true })
  // Its first version was on its way out when the process was killed.
  await install('acme/moved')
  await install('acme/moved', '2.0.0')
  await install('acme/growing')
  const unsigned = writeRelease(join(dirname(layout.home), 'free'), packed({ name: 'free/tool' }), null)
  await manager.install(unsigned, { consent: agree, allowUnsigned: { name: 'free/tool', until: '7d' } })
  for (const name of ['acme/again', 'acme/purged', 'acme/left']) {
    await install(name)
    writeData(house, name)
    await manager.remove(name, { purge: name === 'acme/purged' })
  }
  for (const name of ['acme/going', 'acme/leaving']) {
    await install(name)
    writeData(house, name)
  }
}

export function writeData({ layout }: Household, name: string): void {
  const folder = join(layout.data(name as PluginName), 'files')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'state'), name)
}

async function killedInstall({ layout, publisher }: Household, spec: ReleaseSpec, isStanding: boolean) {
  const release = await verifierFor(trusting([publisher])).verify(publisher.publish(spec).staged)
  const uid = begunInSchema6(layout.database, release)
  const trees = new Trees({ layout })
  const { name, version, sha256 } = release.verified.statement
  if (isStanding) await trees.promote(await trees.unpack(release), { name, version, digest: sha256 })
  return uid
}

/** One that ended, with a minute, and one whose host and launcher are gone. */
function addRuns(path: string): void {
  const db = openSchema6(path)
  const insert = db.prepare(
    `INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, started_at_ms, ended_at_ms, outcome, supervisor)
     SELECT ?, id, '1.0.0', 'production', '[]', ?, 7, ?, ?, NULL FROM plugins WHERE name = 'acme/hello'`,
  )
  const outcome = { outcome: 'exited', code: 0, signal: null, limit: null, reason: null, limitsMet: [], usage: null }
  insert.run(ENDED_RUN, GONE, 8, JSON.stringify(outcome))
  insert.run(KILLED_RUN, GONE, null, null)
  db.prepare('INSERT INTO minutes (run_id, at_ms, figures) VALUES (?, 7, ?)').run(ENDED_RUN, '{"cpuMs":1}')
  db.close()
}
