// An ordinary user, as whom a test starts a host application: no right anywhere.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { formatPublicKey } from '../../../src/verify/index.ts'
import { authority, type ReleaseSpec } from '../../helpers/authority.ts'
import { CALLER } from '../../runtime/launcher/user.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { writeRelease } from '../household.ts'

export function asUser(folder: string, args: readonly string[]): SpawnSyncReturns<string> {
  const user = ['--reuid', String(CALLER), '--regid', String(CALLER), '--clear-groups', '--no-new-privs']
  return spawnSync('setpriv', [...user, process.execPath, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  })
}

const cannotStart = asUser('/', ['-e', `require('node:fs').readFileSync('${import.meta.filename}')`]).status !== 0
/** The reason to give to `test(…, { skip })` where there can be none. */
export const needsUser = cannotLaunch !== false ? cannotLaunch : cannotStart && 'nobody but root may read this checkout'

/** Starts `program`, of this folder, with a home of the user's own, a release, and the key of who published it. */
export async function hostOfUser(
  t: TestContext,
  program: string,
  spec: ReleaseSpec,
  args: readonly string[] = [],
): Promise<SpawnSyncReturns<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-rootless-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const publisher = await authority()
  const { tarball, bundle } = publisher.publish(spec)
  const path = writeRelease(join(folder, 'dist'), tarball, bundle)
  const key = join(folder, 'acme.pub')
  writeFileSync(key, formatPublicKey(publisher.key.publicKey, 'acme'))
  mkdirSync(join(folder, 'home'), { mode: 0o700 })
  for (const one of ['', 'home', 'dist', 'dist/release.tgz', 'dist/release.tgz.sigstore.json', 'acme.pub'])
    chownSync(join(folder, one), CALLER, CALLER)
  return asUser(folder, [join(import.meta.dirname, program), join(folder, 'home'), path, key, ...args])
}
