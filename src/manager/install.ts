import { type EffectiveLimits, effectiveLimits, limitContextOf } from '../core/limits.ts'
import type { Manifest } from '../core/manifest.ts'
import { effectiveNetwork, type NetworkGrant } from '../core/network.ts'
import { fetchTarball } from '../registry/index.ts'
import { admit, type InstallReport } from './admission.ts'
import { assertClock } from './clock.ts'
import { type ConsentQuestion, previewOf } from './consent.ts'
import type { Host } from './host.ts'
import { assertOldEnough } from './release-age.ts'
import { allowanceOf, assertFits, examine, type InstallOptions } from './vetting.ts'

/**
 * DESIGN §4, install: thirteen steps in an order that must not change. Whatever goes wrong leaves nothing behind, and
 * never a weaker state than before.
 */
export async function install(host: Host, source: string, options: InstallOptions): Promise<InstallReport> {
  const admitted = await admit(host, await fetchTarball(source), { ...options, mode: 'ask' })
  if (admitted.kind === 'installed') return admitted.report
  throw new TypeError('an installation that asks does not wait')
}

/** What an install would come to and would ask; nothing is written. @throws PluginError with the code of the verdict */
export async function preview(host: Host, source: string, options: InstallOptions): Promise<ConsentQuestion> {
  assertClock(host)
  const { verdict } = await examine(host, await fetchTarball(source), allowanceOf(host, options), options)
  if (!verdict.ok) throw verdict.error
  const release = verdict.value
  await assertFits(host, release, options)
  host.store.assertNew(release)
  assertOldEnough(host, release.verified, options)
  return previewOf(host, release)
}

/** What this host would give the plugin today. */
export function limitsOf({ config }: Host, manifest: Manifest): EffectiveLimits {
  return effectiveLimits(manifest.limits, limitContextOf(config, manifest))
}

/** Who this host would let it reach today, of what was agreed to; `null`: that is what is being asked. */
export function networkOf({ config }: Host, manifest: Manifest, agreed: readonly string[] | null): NetworkGrant {
  return effectiveNetwork(config, manifest, { agreed })
}
