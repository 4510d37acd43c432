import { statSync } from 'node:fs'
import { sha256 } from '../../core/digest.ts'
import type { Installation } from '../../core/installation.ts'
import { chrootOf } from '../../core/layout.ts'
import type { PluginName } from '../../core/name.ts'
import { clear, grantsOf, type RunOptions } from '../clearance.ts'
import type { Host } from '../host.ts'
import { newRun } from '../run.ts'
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

/**
 * The same of one that waits at its entry, and has read nothing of its package yet: everything that is asked before a run is
 * asked, the tree as well. A folder that was put in the place of the one it has mounted as its root is another one, however equal:
 * nobody looks any more at what happens in the first.
 *
 * @throws PluginError as `run` does
 */
export async function entryTermsOf(host: Host, name: PluginName, options: RunOptions): Promise<string> {
  const { installation, request } = await clear(host, name, newRun(), options)
  const { digest, consent } = installation
  const { settings, grants, compileCache } = request
  // As long as it is mounted nothing else is given its number.
  const { dev, ino } = statSync(chrootOf(request.release), { bigint: true })
  return sha256(JSON.stringify([digest, consent, host.config, settings, grants, compileCache, `${dev}:${ino}`]))
}
