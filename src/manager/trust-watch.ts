import { CallError, PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { assertRunnable, assertStillTrusted } from './clearance.ts'
import { follow } from './following.ts'
import type { Host } from './host.ts'
import { isOfThePlugin, isRevocation, quarantine } from './quarantine.ts'
import { ranRelease } from './revocation.ts'
import { passed, ps } from './watching.ts'

export interface TrustWatch {
  readonly name: PluginName
  readonly host: () => Promise<Host>
  /** The last event of the trail from before it was checked: what happens to it from then on is seen. */
  readonly after: number
  /** Ends the watch. */
  readonly over: AbortSignal
  /** It may not go on any more, whoever decided so. */
  readonly onRefused: (why: PluginError) => Promise<unknown>
  /** It cannot be watched at this moment; it is tried again. */
  readonly onTrouble: (error: PluginError) => void
}

/** How often the trust policy is asked again: an edit by hand leaves no line in the trail. */
const TRUST_MS = 10_000

/** Sees to it that what goes on is told when it may not any more: revoked, in quarantine, disabled or removed. */
export function watchTrust({ name, host, after, over, onRefused, onTrouble }: TrustWatch): void {
  let last = after
  const tell = (error: unknown): void => {
    if (over.aborted) return
    onTrouble(error instanceof PluginError ? error : new PluginError('INTERNAL', `cannot watch ${name}: ${error}`))
  }
  const judged = async (): Promise<void> => {
    const refusal = await refusalOf(await host(), name)
    if (refusal !== null) await onRefused(refusal)
  }
  const byTrail = async (): Promise<void> => {
    for await (const { id, subject } of follow(await host(), { signal: over, after: last })) {
      // What cannot be found out now is asked again by the clock; what happens next is seen at once all the same.
      if (subject === name) await judged().catch(tell)
      last = id
    }
  }
  const byTrust = async (): Promise<void> => {
    while (await passed(TRUST_MS, over)) await judged().catch(tell)
  }
  for (const watching of [byTrail, byTrust]) {
    // What cannot be watched is told, and watched again: a disk that fails for a moment must not end the watch.
    const again = async (): Promise<void> => {
      do await watching().catch(tell)
      while (await passed(TRUST_MS, over))
    }
    void again()
  }
}

/**
 * Why a plugin may not go on, or `null`. What only refuses a new run, such as an emptied policy, ends none that goes on.
 *
 * @throws PluginError when it cannot be found out, as with a trust.json that somebody has broken: no verdict about the plugin
 */
async function refusalOf(host: Host, name: PluginName): Promise<PluginError | null> {
  const installation = host.store.find(name)
  if (installation === null) return new CallError('PLUGIN_CLOSED', `cannot go on with ${name}: it was removed`)
  let trouble: unknown = null
  try {
    // What was revoked is in quarantine too, and that is not why.
    const revocation = await revocationOf(host, installation)
    if (revocation !== null) return revocation
  } catch (error) {
    trouble = error
  }
  try {
    // That it was disabled counts whatever else cannot be found out.
    assertRunnable(host, installation)
  } catch (error) {
    if (error instanceof PluginError) return error
    throw error
  }
  if (trouble !== null) throw trouble
  return null
}

/** Of what is installed, which is then put away, or of a version that was replaced and goes on until it is renewed. */
async function revocationOf(host: Host, installation: Installation): Promise<PluginError | null> {
  const { name, version } = installation
  const before = new Set(ps(host, name).map((run) => run.version))
  before.delete(version)
  const replaced = [...before].map((other) => ranRelease(host, name, other))
  for (const release of [installation, ...replaced]) {
    try {
      if (release !== null) await assertStillTrusted(host, release)
    } catch (error) {
      if (!(error instanceof PluginError) || !isOfThePlugin(error)) throw error
      const isRevoked: boolean = isRevocation(error)
      if (isRevoked && release === installation) quarantine(host, installation, error)
      if (isRevoked) return error
    }
  }
  return null
}
