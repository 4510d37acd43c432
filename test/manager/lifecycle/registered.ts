import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { openMarketplace } from '../../../src/index.ts'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { type Household, household } from '../household.ts'

export interface Registered extends Household {
  /** A registry of this test alone, which serves everything. */
  readonly registry: string
  /** Signs releases, puts them into the registry, and builds its index. */
  list(...specs: ReleaseSpec[]): Promise<void>
}

/** A home with one registry, `main`, in a folder of its own. */
export async function registered(context: TestContext): Promise<Registered> {
  const house = await household(context)
  const registry = join(dirname(house.layout.home), 'registry')
  mkdirSync(registry)
  await house.manager.registries.add('main', { url: registry })
  const market = await openMarketplace()
  let count = 0
  return Object.assign(house, {
    registry,
    async list(...specs: ReleaseSpec[]) {
      for (const spec of specs) {
        const path = house.publish(spec)
        const to = join(registry, `r${count++}.tgz`)
        copyFileSync(path, to)
        copyFileSync(`${path}.sigstore.json`, `${to}.sigstore.json`)
      }
      await market.buildRegistry(registry)
    },
  })
}

/** What a plugin needs, as its `plugin.json` says it. */
export const withManifest = (name: string, version: string, rest: object): ReleaseSpec => ({
  name,
  version,
  files: {
    'main.js': `// ${name} ${version}\n`,
    'plugin.json': JSON.stringify({ name, version, entry: { runtime: 'node', path: 'main.js' }, ...rest }),
  },
})

/** Writes into a plugin's loose `/data`, as the plugin would. */
export function writeData(house: Household, name: string, text: string): void {
  const folder = join(house.layout.data(name as never), 'files')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'state'), text)
}
