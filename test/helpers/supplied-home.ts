import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Shelf, shelf } from '../registry/shelf.ts'
import { AttackedHome } from './attacked-home.ts'
import { type Authority, authority, type ReleaseSpec } from './authority.ts'

export interface SuppliedHome extends AttackedHome {
  /** The registry `main`, which serves every name. */
  readonly shelf: Shelf
  /** May sign `other/*`, and nothing of `acme/*`. */
  readonly stranger: Authority
  /** Puts releases there and makes the index anew. */
  offer(...specs: readonly ReleaseSpec[]): Promise<void>
  /** Beside what `config.json` says already. */
  configure(more: object): void
}

/** A home that gets releases of `acme/*` and of a second publisher by name, from a registry of its own. */
export async function suppliedHome(t: TestContext): Promise<SuppliedHome> {
  const attacked = await AttackedHome.make(t, { isTrusted: false })
  const [main, stranger] = [await shelf(t), await authority()]
  await attacked.with(async ({ registries, trust }) => {
    await trust.add(attacked.keyFile(main.publisher), { pattern: 'acme/*' })
    await trust.add(attacked.keyFile(stranger), { pattern: 'other/*' })
    await registries.add('main', { url: main.folder })
  })
  const offer = async (...specs: readonly ReleaseSpec[]) => {
    for (const spec of specs)
      main.put(spec.name?.startsWith('other/') === true ? { ...spec, signers: [stranger] } : spec)
    await main.build()
  }
  const configure = (more: object) => {
    const path = join(attacked.home, 'config.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...more }))
  }
  return Object.assign(attacked, { shelf: main, stranger, offer, configure })
}

/** A release whose `plugin.json` says this beside name and entry. */
export const says = (
  name: string,
  version: string,
  rest: object = {},
  files: ReleaseSpec['files'] = {},
): ReleaseSpec => ({
  name,
  version,
  files: {
    'bin/x': '#!/bin/sh\n',
    ...files,
    'plugin.json': JSON.stringify({ name, version, entry: { runtime: 'exec', path: 'bin/x' }, ...rest }),
  },
  executable: ['bin/x', ...Object.keys(files)],
})
