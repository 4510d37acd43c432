import { writeFileSync } from 'node:fs'
import type { Layout } from '../../src/core/layout.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import { agree, type ConsentOptions, type Decision } from '../../src/manager/consent.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { fetchTarball } from '../../src/registry/index.ts'
import { orThrow } from '../../src/verify/index.ts'
import type { ReleaseSpec } from '../helpers/authority.ts'
import { manifestOf } from './household.ts'

/** A release whose `plugin.json` says this beside name and entry. */
export const asking = (version: string, rest: object = {}, more: ReleaseSpec = {}): ReleaseSpec => ({
  ...more,
  version,
  files: { 'bin/x': '#!/bin/sh\n', 'plugin.json': manifestOf({ version, ...rest }) },
  executable: ['bin/x'],
})

/** The host itself, for as long as `work` goes on. */
export async function onHost<T>(layout: Layout, work: (host: Host) => Promise<T> | T, now?: () => Date): Promise<T> {
  const host = await openHost({ home: layout.home, ...(now === undefined ? {} : { now }) })
  try {
    return await work(host)
  } finally {
    host.store.close()
  }
}

export async function verified(host: Host, path: string): Promise<VerifiedRelease> {
  return orThrow((await host.verifier().examine(await fetchTarball(path))).verdict)
}

/** What comes of asking for the release at `path`; nothing is installed. */
export const decided = (layout: Layout, path: string, options: ConsentOptions): Promise<Decision> =>
  onHost(layout, async (host) => agree(host, await verified(host, path), options))

export function configure({ configFile }: Layout, config: object): void {
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 })
}

/** For what must not be asked about. */
export const never = (): never => {
  throw new Error('it was asked about')
}
