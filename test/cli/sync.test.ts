import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { syncOn } from '../../src/cli/commands/sync.ts'
import type { Io } from '../../src/cli/io.ts'
import type { Settings } from '../../src/cli/options.ts'
import { openHost } from '../../src/manager/host.ts'
import type { HostKnowledge } from '../../src/manager/host-lock.ts'
import { writeLock } from '../../src/manager/lock-writing.ts'
import { type SyncApply, sync } from '../../src/manager/sync.ts'
import { household } from '../manager/household.ts'

const KNOWLEDGE: HostKnowledge = { isHeld: () => false, rangeOf: () => null, registries: new Map() }
const SETTINGS: Settings = { json: false, quiet: false, color: false, columns: 200 }

/** One host, with the real sync behind the command; it removes as the manager does and is asked for nothing else. */
async function desk(t: TestContext) {
  const house = await household(t)
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-sync-'))
  const host = await openHost({ home: house.layout.home })
  t.after(() => {
    host.store.close()
    rmSync(folder, { recursive: true })
  })
  const project = join(folder, 'project')
  mkdirSync(project)
  chmodSync(project, 0o755)
  const lockFile = join(project, 'plugins.lock')
  const never = async () => assert.fail('it is not asked for this here')
  const apply: SyncApply = {
    decide: never,
    decideHold: () => assert.fail('nothing is held here'),
    install: never,
    repair: never,
    grant: never,
    hold: never,
    remove: async (name) => void (await house.manager.remove(name, { purge: false })),
  }
  const manager = {
    sync: (options: Parameters<typeof sync>[1]) => sync(host, options, KNOWLEDGE, apply),
    writeLock: (options: { lockFile?: string | undefined }) => writeLock(host, options, KNOWLEDGE),
  }
  return {
    house,
    lockFile,
    async run(flags: object, settings: Partial<Settings> = {}) {
      const said = { stdout: [] as string[], stderr: [] as string[] }
      const io = {
        stdout: (text: string | Uint8Array) => void said.stdout.push(String(text)),
        stderr: (text: string) => void said.stderr.push(text),
      } as Io
      await syncOn(manager, { ...SETTINGS, ...settings }, io, { lockFile, ...flags })
      return { stdout: said.stdout.join(''), stderr: said.stderr.join('') }
    },
  }
}

test('a lock file is written, found to be so, and tells what it does not have', async (t) => {
  const { house, lockFile, run } = await desk(t)
  assert.equal((await run({ write: true })).stdout, `wrote ${lockFile} (0 plugins)\n`)
  assert.equal((await run({ write: true })).stdout, `${lockFile} is as this host is (0 plugins)\n`)
  assert.equal((await run({})).stdout, `this host is as ${lockFile} says\n`)
  await house.install()
  assert.deepEqual(await run({ dryRun: true }), {
    stdout: 'ACTION  NAME        FROM   TO  WHY\nextra   acme/hello  1.0.0  -   the lock file does not have it\n',
    stderr: '\nwhat the lock file does not have stays; --prune removes it\n\nnothing was changed: --dry-run\n',
  })
  const pruned = await run({ prune: true })
  assert.match(pruned.stdout, /^remove {2}acme\/hello {2}1\.0\.0/m)
  assert.equal(pruned.stderr, 'remove acme/hello 1.0.0\n')
  assert.deepEqual(house.manager.list(), [])
})

test('with --json it is one document, and nothing else is said', async (t) => {
  const { lockFile, run } = await desk(t)
  const written = await run({ write: true }, { json: true })
  assert.deepEqual(JSON.parse(written.stdout), { lockFile, plugins: 0, unchanged: false })
  const done = await run({}, { json: true })
  assert.deepEqual(JSON.parse(done.stdout), { lockFile, rows: [], unchanged: true, dryRun: false })
  assert.equal(done.stderr + written.stderr, '')
})

test('one way at a time: --write goes with no flag of the other way', async (t) => {
  const { run } = await desk(t)
  for (const flag of ['frozen', 'prune', 'dryRun']) {
    await assert.rejects(run({ write: true, [flag]: true }), { code: 'USAGE', exitCode: 2 })
  }
})
