// A sample of `npm run crash`, other moments in each run: whatever ends a change of a plugin, the next command finds it done
// or not done, and nothing of it left.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { dirname } from 'node:path'
import { before, suite, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { Layout } from '../../src/core/layout.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { aftermathOf } from './aftermath.ts'
import { cannotTrace, trace } from './boundary.ts'
import { badOf, campaign, type Kind, type Row, told } from './campaign.ts'
import { cannotMakeDisk } from './disk.ts'
import { type Estate, openEstate } from './estate.ts'
import { meet } from './faults.ts'
import { untroubled } from './kills.ts'
import { OPERATIONS, type Operation, operation } from './operations.ts'
import { discard } from './scratch.ts'

const skip = cannotLaunch || (await cannotTrace())
if (skip !== false) console.log(`skipped: ${skip}`)
const skipPower = skip || cannotMakeDisk
if (skipPower !== false) console.log(`skipped: ${skipPower}`)

const seed = Number(process.env.CRASH_SEED ?? randomInt(1, 2 ** 31))
/** At how many moments each operation meets what: the long ones meet everything. */
function moments({ name }: Operation, kind: Kind): number {
  if (kind === 'still') return 3
  if (kind === 'power' && skipPower !== false) return 0
  switch (name) {
    case 'update, with hooks and data':
      return 2
    case 'install':
      return kind === 'SIGINT' ? 0 : 1
    case 'sync':
    case 'rollback':
    case 'remove':
      return kind === 'kill' || kind === 'SIGINT' ? 1 : 0
    default:
      return 0
  }
}

suite('a change of a plugin is done or not done', { skip }, () => {
  let estate: Estate
  let rows: Row[] = []
  before(async () => {
    estate = await openEstate()
    rows = await campaign(estate, { operations: OPERATIONS, moments, seed, again: 3, log: () => {} })
  })

  /** Nothing bad, and as many moments as were asked for, nearly: what was never interrupted proves nothing. */
  function assertAllIsWell(t: TestContext, kinds: readonly Kind[], operations: number): Row[] {
    t.diagnostic(`seed ${seed}; again: CRASH_SEED=${seed} node scripts/test.mjs test/crash/crash.test.ts`)
    const found = rows.filter(({ kind }) => kinds.includes(kind))
    const bad = found.flatMap((row) => badOf(row).map((moment) => told(row, moment)))
    assert.deepEqual(bad, [], `seed ${seed}`)
    assert.equal(found.length, operations * kinds.length)
    for (const { operation, kind, boundaries, wanted, moments, missed } of found) {
      t.diagnostic(`${operation}: ${kind}: ${moments.length} moments of ${boundaries}`)
      assert.ok(
        boundaries > 20 && moments.length + missed >= wanted,
        `${operation}: ${kind}: ${moments.length} moments`,
      )
    }
    assert.ok(found.every(({ moments, missed }) => moments.length > 0 || missed <= 1))
    return found
  }
  const statesOf = (found: readonly Row[]) => new Set(found.flatMap((row) => row.moments.map(({ state }) => state)))

  test('when all of it is killed, at some boundaries of every operation', (t) => {
    const found = assertAllIsWell(t, ['still'], OPERATIONS.length)
    for (const { operation, moments } of found)
      assert.ok(moments.length >= 2, `${operation}: ${moments.length} moments`)
    assert.ok(statesOf(found).has('old') && statesOf(found).has('done'), [...statesOf(found)].join())
    // An undo that nobody needed shows nothing.
    const said = found.flatMap((row) => row.moments.flatMap((moment) => moment.said))
    assert.ok(
      said.some((line) => /^the update of acme\/hello was interrupted: it is undone/.test(line)),
      said.join(),
    )
  })

  test('when the command is killed alone, or with all that it has started', (t) => {
    assertAllIsWell(t, ['kill'], 5)
  })

  test('when the power is cut', { skip: skipPower }, (t) => {
    assertAllIsWell(t, ['power'], 2)
  })

  test('when somebody presses Ctrl-C', (t) => {
    assertAllIsWell(t, ['SIGINT'], 4)
  })

  test('when the disk is full or read-only from one call on, or one call fails', (t) => {
    const found = assertAllIsWell(t, ['ENOSPC', 'EROFS', 'EIO'], 2)
    assert.ok(statesOf(found).has('old'), 'nothing failed')
  })

  test('and a plugin that says goodbye does so although its verification met a failing disk: it is removed by another go', async () => {
    const expected = await untroubled(estate, operation('remove'))
    // What was found is written down before its data is kept, which is what comes next.
    const kept = expected.calls.findIndex(({ path }) => path.includes('/snapshots/'))
    const writes = expected.calls.slice(0, kept).filter(({ name }) => name === 'pwrite')
    assert.ok(writes.length > 6, `${writes.length} writes before it says goodbye`)
    for (const { number } of writes.slice(-6, -3)) {
      const { faults } = await meet(estate, expected, 'EIO', number)
      assert.deepEqual(faults, [], `at ${number}`)
    }
  })

  test('and one whose steps nobody undoes any more is found out', async () => {
    const expected = await untroubled(estate, operation('update, with hooks and data'))
    const home = estate.copy(await expected.operation.before(estate))
    const at = Math.floor(expected.calls.length / 2)
    const { code, over } = await trace(home, { do: 'kill-all', at }, expected.operation.argv(home, estate))
    await over
    assert.equal(code, null)
    const db = new Database(new Layout(home).database)
    db.exec('DELETE FROM changes')
    db.close()
    const { faults } = await aftermathOf(home, expected)
    assert.ok(faults.length > 0, 'nothing was found')
    discard(dirname(home))
  })
})
