import { existsSync, readdirSync } from 'node:fs'
import { type AuditEvent, openManager, type PluginManager } from '../../../../src/index.ts'
import type { Household } from '../../household.ts'
import { FRAGILE, NAMES } from './field.ts'
import type { Deed } from './operations.ts'
import type { Struck } from './worker.ts'

/** What is wrong with a home that many have worked on and nobody does any more; nothing, if all is well. */
export async function judgeHome(
  house: Household,
  struck: readonly Struck[],
  { kills }: { readonly kills: boolean },
): Promise<string[]> {
  const faults: string[] = []
  await house.manager.close()
  house.manager = await openManager({
    home: house.layout.home,
    onRecovered: (recovered) => {
      if (!kills || recovered.outcome === 'left') faults.push(`left pending: ${JSON.stringify(recovered)}`)
    },
  })
  // What was killed while it deleted something leaves that where `gc` finds it.
  if (kills) await house.manager.gc()
  faults.push(...rowFaults(house), ...(await treeFaults(house)), ...trailFaults(house.manager, struck, kills))
  faults.push(...(await strayFaults(house)), ...(await emptyFaults(house)))
  return faults
}

function rowFaults(house: Household): string[] {
  return house.raw((db) => {
    const faults: string[] = []
    const expect = (what: string, found: unknown, expected: unknown) => {
      const [is, should] = [JSON.stringify(found), JSON.stringify(expected)]
      if (is !== should) faults.push(`${what}: ${is}`)
    }
    expect('integrity_check', db.pragma('integrity_check', { simple: true }), 'ok')
    expect('foreign_key_check', db.pragma('foreign_key_check'), [])
    for (const table of ['changes', 'steps']) expect(table, db.prepare(`SELECT * FROM ${table}`).all(), [])
    const pending = "SELECT * FROM installations WHERE state IN ('installing', 'removing')"
    expect('pending', db.prepare(pending).all(), [])
    expect('open runs', db.prepare('SELECT * FROM runs WHERE ended_at_ms IS NULL').all(), [])
    const uninstalled = 'SELECT * FROM releases WHERE installed_at_ms IS NULL'
    expect('releases that never were', db.prepare(uninstalled).all(), [])
    const homeless = 'SELECT * FROM installations i JOIN plugins p ON p.id = i.plugin_id WHERE p.uid IS NULL'
    expect('installed without a user id', db.prepare(homeless).all(), [])
    const beyond = `SELECT plugin_id, count(*) FROM installations WHERE state = 'kept' GROUP BY plugin_id HAVING count(*) > 1`
    expect('more than is kept', db.prepare(beyond).all(), [])
    return faults
  })
}

/** Every row has its tree, as it was signed. Of the plugin that was damaged: after a repair. */
async function treeFaults({ manager }: Household): Promise<string[]> {
  if (manager.list().some(({ name }) => name === FRAGILE)) await manager.repair(FRAGILE)
  const { releases, strangers, foreign } = await manager.repair(null, { dryRun: true })
  const wrong = releases.filter(({ outcome }) => outcome !== 'good')
  return [
    ...wrong.map(({ name, version, outcome, error }) => `${name} ${version} is ${outcome}: ${error?.message}`),
    ...strangers.map(({ path }) => `no row speaks of ${path}`),
    ...foreign.map((path) => `not a name of ours: ${path}`),
  ]
}

/** The chain holds, what was reported is in it, and nothing was suspected that nobody had touched. */
function trailFaults(manager: PluginManager, struck: readonly Struck[], kills: boolean): string[] {
  manager.verifyAudit()
  const trail = manager.audit(null, 10_000_000)
  const told = countOf(trail.flatMap(deedOf))
  const lost = [...countOf(struck.flatMap(({ deeds }) => deeds))].filter(
    ([deed, times]) => (told.get(deed) ?? 0) < times,
  )
  const suspected = trail.filter(
    ({ kind, subject, details }) =>
      (['modified', 'quarantined', 'repaired'].includes(kind) || details.code === 'MODIFIED') && subject !== FRAGILE,
  )
  const recovered = trail.filter(({ kind }) => !kills && (kind === 'undone' || kind === 'finished'))
  return [
    ...lost.map(([deed, times]) => `reported ${times} times, in the trail ${told.get(deed) ?? 0}: ${deed}`),
    ...[...suspected, ...recovered].map((event) => `in the trail: ${JSON.stringify(event)}`),
  ]
}

function deedOf({ kind, subject: name, details }: AuditEvent): Deed[] {
  const version = typeof details.version === 'string' ? details.version : null
  switch (kind) {
    case 'installed':
      return [{ deed: details.sha256 === undefined ? 'enabled' : 'arrived', name, version }]
    case 'switched':
      return [{ deed: 'arrived', name, version }]
    case 'rolled-back':
    case 'removing':
    case 'disabled':
      return [{ deed: kind, name, version }]
    case 'held':
    case 'unheld':
      return [{ deed: kind, name, version: null }]
    default:
      return []
  }
}

function countOf(deeds: readonly Deed[]): Map<string, number> {
  const all = Map.groupBy(deeds, ({ deed, name, version }) => `${deed} ${name} ${version ?? ''}`.trim())
  return new Map([...all].map(([deed, times]) => [deed, times.length]))
}

async function strayFaults({ manager, layout }: Household): Promise<string[]> {
  const { collected, missing } = await manager.gc({ dryRun: true })
  const isKeptOnPurpose = ({ what, name }: (typeof collected)[number]) => what === 'uid' && !isPurged(manager, name)
  const staged = existsSync(layout.staging) ? readdirSync(layout.staging) : []
  return [
    ...collected.filter((one) => !isKeptOnPurpose(one)).map((one) => `nobody's: ${JSON.stringify(one)}`),
    ...missing.map((one) => `without its tree: ${JSON.stringify(one)}`),
    ...staged.map((name) => `left in staging: ${name}`),
  ]
}

/** A removal that keeps the data keeps the user id, whether there is any data or not. */
function isPurged(manager: PluginManager, name: string | null): boolean {
  const last = manager.audit(name, 1_000_000).findLast(({ kind }) => kind === 'removing' || kind === 'purged')
  return last?.kind !== 'removing' || last.details.purge === true
}

/** Everything can be removed, and nothing is left then. */
async function emptyFaults({ manager, layout, raw }: Household): Promise<string[]> {
  for (const name of await manager.removalOrder(manager.list().map(({ name }) => name)))
    await manager.remove(name, { purge: true })
  for (const name of NAMES) {
    // Kept by an earlier removal.
    if (existsSync(layout.data(name as never))) await manager.remove(name, { purge: true })
  }
  const { collected } = await manager.gc()
  const uids = raw((db) => db.prepare('SELECT name FROM plugins WHERE uid IS NOT NULL').pluck().all())
  const left = [layout.plugins, layout.allData, layout.allSnapshots, layout.staging].filter(
    (folder) =>
      existsSync(folder) && readdirSync(folder, { recursive: true, withFileTypes: true }).some((one) => one.isFile()),
  )
  return [
    ...collected.filter(({ what }) => what !== 'uid').map((one) => `nobody's in the end: ${JSON.stringify(one)}`),
    ...uids
      .filter((name) => !collected.some((one) => one.name === name))
      .map((name) => `${name} has a user id in the end`),
    ...left.map((folder) => `not empty in the end: ${folder}`),
  ]
}
