import { sha256 } from '../../core/digest.ts'
import type { Installation } from '../../core/installation.ts'
import { grantsOf, type RunOptions } from '../clearance.ts'
import type { Host } from '../host.ts'
import { settingsFor } from '../settings.ts'
import { signedManifestOf } from '../signed-manifest.ts'

/**
 * Everything that somebody can change and that what runs keeps as it was when it started, as one digest: the release, what was
 * agreed to, the operator's configuration, settings and variables. What waits under other terms is not handed out.
 *
 * @throws UsageError `SETTING_INVALID`; VerificationError `MODIFIED`
 */
export function termsOf(host: Host, installation: Installation, { settings, env = process.env }: RunOptions): string {
  const { name, version, digest, consent } = installation
  const manifest = signedManifestOf(host.layout.release(name, version, digest), installation)
  const told = settingsFor(host, manifest, settings)
  return sha256(JSON.stringify([digest, consent, host.config, told, grantsOf(consent.env, env)]))
}
