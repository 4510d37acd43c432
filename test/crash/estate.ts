import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Layout } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import { openManager, type PluginManager } from '../../src/index.ts'
import { Marketplace } from '../../src/marketplace.ts'
import { closeData } from '../../src/runtime/index.ts'
import { type Authority, authority, type ReleaseSpec } from '../helpers/authority.ts'
import { trust } from '../manager/household.ts'
import { actor } from './actor.ts'
import { SCRATCH } from './scratch.ts'

export const HELLO = 'acme/hello' as PluginName
export const OTHER = 'acme/other' as PluginName
export const agreed = { consent: () => true, mode: 'ask' } as const

/** A publisher, a registry of its releases, and homes that have got this far. */
export interface Estate {
  readonly registry: string
  readonly publisher: Authority
  /** A home as `make` leaves it, made once; its path is not to be changed. */
  prepared(
    key: string,
    make: (manager: PluginManager, layout: Layout) => Promise<void>,
    config?: object,
  ): Promise<string>
  /** A copy to be spoilt. */
  copy(home: string): string
}

const DATA = { data: '4M' }
const HOOKS = { postinstall: hook('postinstall'), 'migrate-data': hook('migrate') }

/** 1.0.0 keeps data; 2.0.0 changes it, sets itself up and says goodbye; 3.0.0 is unwell; 4.0.0 is as the first. */
const RELEASES: readonly ReleaseSpec[] = [
  releaseOf(HELLO, '1.0.0'),
  releaseOf(HELLO, '2.0.0', { hooks: { ...HOOKS, preremove: hook('goodbye') }, health: hook('health') }),
  releaseOf(HELLO, '3.0.0', { health: hook('unwell') }),
  releaseOf(HELLO, '4.0.0'),
  releaseOf(OTHER, '1.0.0'),
  releaseOf(OTHER, '1.1.0'),
]

function hook(what: string): object {
  return { path: 'bin/actor', args: [what] }
}

function releaseOf(name: string, version: string, rest: object = {}): ReleaseSpec {
  const entry = { runtime: 'exec', path: 'bin/actor', args: ['run'] }
  const manifest = JSON.stringify({ name, version, entry, limits: DATA, ...rest })
  const files = {
    'plugin.json': manifest,
    'bin/actor': actor(),
    'share/same': 'the same in each',
    'share/own': version,
  }
  return { name, version, files, executable: ['bin/actor'] }
}

/** How each home is configured: without a quota for data, which would be an image of its own, unless that is the point. */
const LOOSE = { plugins: { [HELLO]: { weaker: ['data-quota'] }, [OTHER]: { weaker: ['data-quota'] } } }

export async function openEstate(): Promise<Estate> {
  const folder = mkdtempSync(join(SCRATCH, 'estate-'))
  const registry = join(folder, 'registry')
  mkdirSync(registry, { mode: 0o755 })
  const publisher = await authority()
  for (const spec of RELEASES) {
    const { tarball, bundle, statement } = publisher.publish(spec)
    const path = join(registry, `${statement.name.replace('/', '-')}-${statement.version}.tgz`)
    writeFileSync(path, tarball)
    writeFileSync(`${path}.sigstore.json`, bundle)
  }
  await new Marketplace(() => new Date('2026-11-02T08:00:00Z')).buildRegistry(registry)
  const homes = new Map<string, Promise<string>>()
  const make = async (work: (manager: PluginManager, layout: Layout) => Promise<void>, config: object) => {
    const layout = new Layout(join(mkdtempSync(join(folder, 'home-')), 'home'))
    mkdirSync(layout.home, { mode: 0o700 })
    await trust(layout, publisher)
    const registries = [{ name: 'shop', url: registry }]
    writeFileSync(layout.configFile, JSON.stringify({ registries, ...config }), { mode: 0o600 })
    const manager = await openManager({ home: layout.home })
    await work(manager, layout)
    await manager.close()
    // Mounted, it could not be copied.
    for (const name of [HELLO, OTHER]) closeData(layout.data(name))
    return layout.home
  }
  return {
    registry,
    publisher,
    prepared(key, work, config = LOOSE) {
      const made = homes.get(key) ?? make(work, config)
      homes.set(key, made)
      return made
    },
    copy(home) {
      const copy = join(mkdtempSync(join(folder, 'copy-')), 'home')
      const { status, stderr } = spawnSync('cp', ['-a', '--reflink=auto', home, copy], { encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
      return copy
    },
  }
}

/** One run of what is installed, to the end. */
export async function runOnce(manager: PluginManager, name: string, value: string): Promise<void> {
  const run = await manager.run(name, { args: [value] })
  const outcome = await run.outcome
  if (outcome.outcome !== 'exited' || outcome.code !== 0) throw new Error(JSON.stringify(outcome))
}
