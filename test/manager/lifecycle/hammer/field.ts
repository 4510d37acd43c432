import { readFileSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { agree } from '../../household.ts'
import { type Registered, registered, withManifest } from '../registered.ts'

/** Every plugin with its versions; `acme/tool` needs `acme/base`, and the files of `acme/fragile` are damaged again and again. */
export const PLUGINS: Readonly<Record<string, readonly string[]>> = {
  'acme/base': ['1.0.0', '1.1.0', '2.0.0'],
  'acme/tool': ['1.0.0', '1.1.0'],
  'acme/alone': ['1.0.0', '1.1.0', '1.2.0', '2.0.0'],
  'acme/busy': ['1.0.0', '1.0.1', '1.0.2'],
  'acme/wide': ['1.0.0', '2.0.0'],
  'acme/fragile': ['1.0.0', '1.1.0', '2.0.0'],
}
export const NAMES = Object.keys(PLUGINS)
export const FRAGILE = 'acme/fragile'

/** So many that each update has one to let go. */
const KEEP_VERSIONS = 2

/** A home that has the oldest version of each, and a registry that has all of them. */
export async function fieldOf(context: Pick<TestContext, 'after'>): Promise<Registered> {
  const house = await registered(context as TestContext)
  const specs = Object.entries(PLUGINS).flatMap(([name, versions]) =>
    versions.map((version) => withFiles(name, version)),
  )
  await house.list(...specs)
  const config = JSON.parse(readFileSync(house.layout.configFile, 'utf8'))
  writeFileSync(house.layout.configFile, JSON.stringify({ ...config, keepVersions: KEEP_VERSIONS }))
  const oldest = Object.entries(PLUGINS).map(([name, versions]) => `${name}@${versions[0]}`)
  await house.manager.installAll(oldest, { consent: agree })
  await house.manager.close()
  return house
}

/** Some files are the same in every version, and shared by them. */
function withFiles(name: string, version: string) {
  const rest = {
    ...(name === 'acme/tool' ? { requires: { 'acme/base': version === '1.0.0' ? '^1' : '>=1' } } : {}),
    ...(name === 'acme/wide' && version === '2.0.0' ? { permissions: { network: ['api.example.com:443'] } } : {}),
  }
  const spec = withManifest(name, version, rest)
  const shared = Object.fromEntries(
    Array.from({ length: 12 }, (_, at) => [`lib/${at}.js`, `// ${name} ${at}\n`.repeat(200)]),
  )
  return { ...spec, files: { ...spec.files, ...shared } }
}
