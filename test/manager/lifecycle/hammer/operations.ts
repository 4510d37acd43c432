import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageOf } from '../../../../src/core/layout.ts'
import type { PluginName } from '../../../../src/core/name.ts'
import { KILLED } from '../../../../src/core/outcome.ts'
import type { PluginError, PluginManager } from '../../../../src/index.ts'
import { type Host, openHost } from '../../../../src/manager/host.ts'
import { pick, type Random } from '../../../fuzz/random.ts'
import { agree } from '../../household.ts'
import { FRAGILE, NAMES, PLUGINS } from './field.ts'

/** What a report said has come true: a line of the trail must say so, too. */
export interface Deed {
  readonly deed: 'arrived' | 'rolled-back' | 'removing' | 'held' | 'unheld' | 'disabled' | 'enabled'
  readonly name: string
  readonly version: string | null
}

/** What an operation came to. */
export interface Answer {
  readonly deeds?: readonly Deed[]
  /** Of plugins that failed on their own, while the operation did not. */
  readonly errors?: readonly PluginError[]
}

export interface Scene {
  readonly manager: PluginManager
  readonly home: string
  readonly lockFile: string
  readonly random: Random
  readonly name: string
}

export interface Operation {
  readonly kind: string
  /** How often it comes, against the others. */
  readonly weight: number
  /** What it may say when another process is faster. */
  readonly codes: readonly string[]
  run(scene: Scene): Promise<Answer | undefined> | Answer | undefined
}

const BUSY = ['STORE_BUSY']
const PRESENT = ['NOT_INSTALLED']
const STATE = [...PRESENT, 'WRONG_STATE']
const TOGETHER = ['DEPENDENCY_MISSING', 'DEPENDENCY_NEEDED', 'DEPENDENCY_CONFLICT']
const COMING = [...BUSY, ...TOGETHER, 'WRONG_STATE', 'DOWNGRADE_REFUSED']

const isOdd = (random: Random): boolean => random(2) === 1
const versionOf = ({ name, random }: Scene): string => pick(PLUGINS[name] ?? [], random)

/** Everything that a host does with plugins, as its command line does it. */
export const OPERATIONS: readonly Operation[] = [
  {
    kind: 'install',
    weight: 16,
    codes: [...COMING, 'ALREADY_INSTALLED'],
    async run(scene) {
      const { manager, name, random } = scene
      const request = isOdd(random) ? name : `${name}@${versionOf(scene)}`
      const { installed } = await manager.installAll([request], { consent: agree, allowDowngrade: isOdd(random) })
      return { deeds: installed.map(({ name, version }) => ({ deed: 'arrived', name, version })) }
    },
  },
  {
    kind: 'update',
    weight: 10,
    codes: [...COMING, ...PRESENT],
    async run(scene) {
      const { manager, name, random } = scene
      const to = isOdd(random) ? undefined : versionOf(scene)
      const allowDowngrade = to !== undefined && isOdd(random)
      return updated(await manager.update([name], { consent: agree, mode: 'ask', to, allowDowngrade }))
    },
  },
  {
    kind: 'update --all',
    weight: 2,
    codes: [...COMING, ...PRESENT],
    run: async ({ manager }) => updated(await manager.updateAll({ mode: 'hold' })),
  },
  {
    kind: 'rollback',
    weight: 8,
    codes: [...BUSY, ...TOGETHER, ...STATE, 'NOTHING_KEPT'],
    async run({ manager, name }) {
      const { version } = await manager.rollback(name)
      return { deeds: [{ deed: 'rolled-back', name, version }] }
    },
  },
  {
    kind: 'remove',
    weight: 5,
    codes: [...BUSY, ...STATE, 'DEPENDENCY_NEEDED'],
    async run({ manager, name, random }) {
      const { version } = await manager.remove(name, { purge: isOdd(random) })
      return version === null ? {} : { deeds: [{ deed: 'removing', name, version }] }
    },
  },
  {
    kind: 'hold',
    weight: 3,
    codes: [...BUSY, ...PRESENT],
    run({ manager, name }) {
      manager.hold(name, { reason: 'hammered' })
      return { deeds: [{ deed: 'held', name, version: null }] }
    },
  },
  {
    kind: 'unhold',
    weight: 6,
    codes: [...BUSY, ...STATE],
    run({ manager, name }) {
      manager.unhold(name)
      return { deeds: [{ deed: 'unheld', name, version: null }] }
    },
  },
  {
    kind: 'disable',
    weight: 4,
    codes: [...BUSY, ...STATE],
    run({ manager, name }) {
      const { version } = manager.disable(name)
      return { deeds: [{ deed: 'disabled', name, version }] }
    },
  },
  {
    kind: 'enable',
    weight: 6,
    codes: [...BUSY, ...STATE],
    async run({ manager, name }) {
      const { version } = await manager.enable(name)
      return { deeds: [{ deed: 'enabled', name, version }] }
    },
  },
  {
    kind: 'verify',
    weight: 6,
    codes: PRESENT,
    async run({ manager, name }) {
      const { error } = await manager.verify(name)
      return { errors: error === null ? [] : [error] }
    },
  },
  {
    kind: 'verify --all',
    weight: 3,
    codes: [],
    async run({ manager }) {
      const all = await manager.verifyAll({ quarantine: true })
      return { errors: all.flatMap(({ error }) => (error === null ? [] : [error])) }
    },
  },
  { kind: 'gc', weight: 3, codes: BUSY, run: async ({ manager }) => void (await manager.gc()) },
  {
    kind: 'repair',
    weight: 3,
    codes: [...BUSY, ...STATE],
    async run({ manager, name, random }) {
      const { releases } = await manager.repair(isOdd(random) ? name : null, { dryRun: random(4) === 0 })
      return { errors: releases.flatMap(({ error }) => (error === null ? [] : [error])) }
    },
  },
  { kind: 'list', weight: 4, codes: [], run: ({ manager }) => void manager.list() },
  { kind: 'info', weight: 3, codes: PRESENT, run: async ({ manager, name }) => void (await manager.info(name)) },
  { kind: 'run --dry-run', weight: 3, codes: STATE, run: async ({ manager, name }) => void (await manager.plan(name)) },
  { kind: 'provenance', weight: 2, codes: [], run: async ({ manager }) => void (await manager.provenance()) },
  { kind: 'audit --verify', weight: 2, codes: [], run: ({ manager }) => void manager.verifyAudit() },
  { kind: 'outdated', weight: 2, codes: PRESENT, run: async ({ manager }) => void (await manager.outdated()) },
  {
    kind: 'sync --write',
    weight: 1,
    codes: BUSY,
    run: async ({ manager, lockFile }) => void (await manager.writeLock({ lockFile })),
  },
  {
    kind: 'sync --dry-run',
    weight: 3,
    codes: ['LOCK_DIFFERS', ...TOGETHER, ...BUSY],
    run: async ({ manager, lockFile }) => void (await manager.sync({ lockFile, dryRun: true })),
  },
  { kind: 'run', weight: 6, codes: [...BUSY, ...STATE], run: run },
  { kind: 'damage', weight: 1, codes: [], run: ({ manager, home }) => void damage(manager, home) },
]

function updated(results: Awaited<ReturnType<PluginManager['update']>>): Answer {
  return {
    deeds: results
      .filter(({ outcome }) => outcome === 'updated' || outcome === 'installed')
      .map(({ name, to }) => ({ deed: 'arrived', name, version: to })),
    errors: results.flatMap(({ error }) => (error === null ? [] : [error])),
  }
}

/** As far as the store sees a run: it stands in the way of a removal, and leaves something in `/data`. */
async function run({ home, name, random }: Scene): Promise<undefined> {
  await withHost(home, ({ store, layout }) => {
    const [id, at] = [
      Array.from({ length: 32 }, () => random(16).toString(16)).join(''),
      store.find(name as PluginName),
    ]
    if (at === null) return
    store.runs.begin({ id, name: at.name, version: at.version, profile: 'production', weaker: [] }, process.pid)
    const files = join(layout.data(at.name), 'files')
    mkdirSync(files, { recursive: true })
    writeFileSync(join(files, 'state'), `${at.version} ${id}`)
    store.runs.end(id, KILLED)
  })
}

async function withHost(home: string, work: (host: Host) => void): Promise<void> {
  const host = await openHost({ home })
  try {
    work(host)
  } finally {
    host.store.close()
  }
}

/** A hand in the files of one plugin, whenever that is. */
function damage(manager: PluginManager, home: string): void {
  const plugin = manager.list().find(({ name }) => name === FRAGILE)
  if (plugin === undefined) return
  try {
    const folder = join(home, 'plugins', FRAGILE)
    for (const release of readdirSync(folder))
      writeFileSync(join(packageOf(join(folder, release)), 'main.js'), 'damaged')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** What may be said besides of the plugin whose files are damaged. */
export const OF_DAMAGE = ['MODIFIED', 'REPAIR_FAILED']
export { NAMES }
