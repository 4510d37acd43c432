import { lstatSync } from 'node:fs'
import { type PluginError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { assertClock } from './clock.ts'
import { failureOf } from './examination.ts'
import type { Host } from './host.ts'
import { assertStillHere } from './presence.ts'
import { isOfThePlugin, quarantine, quarantineOf } from './quarantine.ts'
import { type Verification, verifyInstalled } from './verification.ts'

export interface VerifyAllOptions {
  /** Put away what fails for a reason of trust or integrity; never for a failure of this host. */
  readonly quarantine?: boolean
}

/**
 * Every installed plugin, each on its own: whatever one of them does to its verification, the others are verified. What is
 * in quarantine is verified too, and stays there: only `enable` takes it out.
 */
export async function verifyAll(host: Host, options: VerifyAllOptions = {}): Promise<Verification[]> {
  assertClock(host)
  const results: Verification[] = []
  for (const name of host.store.names()) {
    const result = await verifyOne(host, name, options).catch((thrown) => spoilt(name, thrown))
    if (result !== null) results.push(result)
  }
  return results
}

/** So often an update or a removal may come in between. */
const ATTEMPTS = 3

async function verifyOne(
  host: Host,
  name: PluginName,
  options: VerifyAllOptions,
  attempt = 1,
): Promise<Verification | null> {
  const installation = host.store.find(name)
  // Removed since the list was made.
  if (installation === null) return null
  const verification = await verifyInstalled(host, installation)
  // Another version has taken its place under our eyes: what was found says nothing about the one that is there now.
  if (attempt < ATTEMPTS && !isStill(host, installation)) return verifyOne(host, name, options, attempt + 1)
  const before = quarantineOf(host, installation)
  if (before !== null) return { ...verification, quarantine: { ...before, isNew: false } }
  const { error } = verification
  if (options.quarantine !== true || error === null || !isToPutAway(host, installation, error)) return verification
  if (!quarantine(host, installation, error)) return verification
  const now = host.store.find(name)
  const after = now === null ? null : quarantineOf(host, now)
  return after === null ? verification : { ...verification, quarantine: { ...after, isNew: true } }
}

function isStill({ store }: Host, { name, id, installedAtMs }: Installation): boolean {
  const now = store.find(name)
  return now?.id === id && now.installedAtMs === installedAtMs
}

function isToPutAway(host: Host, { name, version, digest }: Installation, error: PluginError): boolean {
  if (!isOfThePlugin(error)) return false
  // Nothing of it is there to be run. More likely than somebody who took it all is a disk that is not mounted.
  if (isGone(host.layout.release(name, version, digest))) return false
  // A policy without any rule refuses everything that is installed: it was emptied, or is not where it should be.
  return error.code !== 'SIGNER_NOT_TRUSTED' || host.trustFile.read().document.rules.length > 0
}

/** Not what a link leads to: a link in its place was put there. */
function isGone(path: string): boolean {
  try {
    lstatSync(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** Its row cannot be read, or what it came to cannot be written down. */
function spoilt(name: PluginName, thrown: unknown): Verification {
  const error = failureOf(thrown, name)
  return { target: name, ok: false, name, version: null, signers: [], unsignedUntil: null, checks: [], error }
}

/**
 * Out of quarantine: only what is good under the policy of this moment, every file hashed.
 * @throws PluginError with the code of the verdict
 */
export async function readmit(host: Host, installation: Installation): Promise<Installation> {
  assertClock(host)
  const { name, version } = installation
  const { digest } = host.trustFile.read()
  const { error } = await verifyInstalled(host, installation)
  if (error === null) {
    // A revocation that came meanwhile has found it put away already, and would be forgotten here.
    if (host.trustFile.read().digest !== digest) {
      throw new StoreError('STORE_BUSY', `cannot enable ${name}: whom this host trusts was changed meanwhile`, {
        hint: 'try again',
      })
    }
    return host.store.advance(installation, 'installed', 'verified again')
  }
  assertStillHere(host, installation, 'enable')
  host.store.note('refused', name, { version, code: error.code, verb: 'enable' })
  throw error
}
