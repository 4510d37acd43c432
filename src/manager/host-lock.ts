import type { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import type { FoundRelease } from '../core/lock-consent.ts'
import { grantedOf, type LockedPlugin, lockedPlugin, lockSourceOf } from '../core/lock-file.ts'
import type { Manifest } from '../core/manifest.ts'
import { printable } from '../core/printable.ts'
import type { HostPlugin } from '../core/sync-plan.ts'
import { orThrow, type Verifier } from '../verify/index.ts'
import { assertSameRelease, modificationOf, reexamine } from './clearance.ts'
import { failureOf } from './examination.ts'
import { foundOf } from './found-release.ts'
import type { Host } from './host.ts'
import { isStillHere } from './presence.ts'
import { isOfThePlugin } from './quarantine.ts'
import { signedManifestOf } from './signed-manifest.ts'

/** What a host knows of its plugins beyond their installations. */
export interface HostKnowledge {
  /** For ever; until a date does not count. */
  isHeld(installation: Installation): boolean
  /** What was asked for when it was installed. */
  rangeOf(installation: Installation): string | null
  /** Registries by name, with their addresses. */
  readonly registries: ReadonlyMap<string, string>
}

/** An installed plugin as a lock file would have it, or why it cannot be in one. */
export interface Surveyed {
  readonly plugin: HostPlugin
  readonly line: LockedPlugin | PluginError
}

/**
 * Every plugin that is installed here, whether or not it may run; versions kept to go back to are not looked at.
 * @throws PluginError for what is wrong with this host and not with a plugin
 */
export async function surveyed(host: Host, knowledge: HostKnowledge): Promise<Surveyed[]> {
  const settled = host.store.list().filter(({ state }) => ['installed', 'disabled', 'quarantined'].includes(state))
  const all: Surveyed[] = []
  const verifier = host.verifier()
  for (const one of settled) {
    const found = await survey(host, one, knowledge, verifier)
    if (found !== null) all.push(found)
  }
  return all
}

/** `null`: another process has removed it meanwhile. */
async function survey(
  host: Host,
  installation: Installation,
  knowledge: HostKnowledge,
  verifier: Verifier,
): Promise<Surveyed | null> {
  const { name, version, requires, signers, digest, consent } = installation
  const held = knowledge.isHeld(installation)
  const known = { name, version, requires, signers, sha256: digest, held }
  const release = host.layout.release(name, version, digest)
  let manifest: Manifest | null = null
  let found: FoundRelease | null = null
  try {
    manifest = signedManifestOf(release, installation)
    const verified = orThrow((await reexamine(host, release, installation, { thorough: false, verifier })).verdict)
    assertSameRelease(installation, verified)
    found = foundOf({ verified, manifest })
    const files = await host.trees.check(packageOf(release), verified.statement.files, installation.seal)
    const modified = modificationOf(installation, files)
    if (modified !== null) throw modified
    const source = lockSourceOf(installation, knowledge.registries)
    const range = knowledge.rangeOf(installation)
    const { statement } = verified
    const line = lockedPlugin({ installation, source, statement, manifest, provenance: found, range, held })
    return { plugin: { ...known, permissions: line.permissions, fault: null, found }, line }
  } catch (thrown) {
    if (!isStillHere(host, installation)) return null
    const error = failureOf(thrown, `${name} ${version}`)
    // A disk, a clock or a trust.json that cannot be read would make every plugin look bad at once.
    if (!isOfThePlugin(error)) throw error
    const permissions = manifest === null ? consent : grantedOf(consent, manifest.permissions)
    return { plugin: { ...known, permissions, fault: printable(error.message, 600), found }, line: error }
  }
}
