import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openManager, openMarketplace } from '../../../src/index.ts'
import { build } from '../../plugins/build.ts'
import { agree } from '../household.ts'

/** A home that has acme/everything, the published MCP server, packed and signed as its README says. */
export async function everythingHouse(context: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-everything-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'home')
  mkdirSync(join(folder, 'dist'))
  const marketplace = await openMarketplace()
  const key = join(folder, 'acme')
  await marketplace.generateKey(key, null)
  const { path } = await marketplace.pack(build('everything'), join(folder, 'dist'))
  await marketplace.sign(path, { key: `${key}.key` })
  await using plugins = await openManager({ home })
  await plugins.trust.add(`${key}.pub`, { pattern: 'acme/*' })
  await plugins.install(path, { consent: agree })
  return home
}
