import { PluginError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import { policyOf, type Revocation, type TrustPolicy, type Verifier } from '../verify/index.ts'
import type { Examined } from './clearance.ts'
import { examine, failureOf } from './examination.ts'
import type { Host } from './host.ts'
import { liveRuns } from './live.ts'
import { isOfThePlugin, quarantine } from './quarantine.ts'
import type { StoppedRun } from './stopping.ts'

/** What a revocation comes to on this host. */
export interface RevocationEffect {
  /** Installed and refused from now on because of it, whatever else there is against them: `NAME VERSION`. */
  readonly affected: readonly string[]
  /** Those of them that this call has put away. */
  readonly quarantined: readonly string[]
  /** Runs of what is revoked that go on until they end, or until the host application that loaded them hears of it. */
  readonly running: readonly RevokedRun[]
  readonly stopped: readonly StoppedRun[]
  /** What could not be examined, put away or stopped, and why. A run asks the policy again, and is refused. */
  readonly failures: readonly { readonly subject: string; readonly code: string; readonly message: string }[]
}

export interface RevokedRun {
  readonly name: PluginName
  readonly version: string
  readonly run: string
}

/**
 * Looks again at everything that is installed or still runs, with this one revocation alone. The bundle on the disk says
 * who has signed it and when, not the database. Nothing that one plugin does keeps the others from being looked at.
 */
export async function enforce(host: Host, target: string, isToStop: boolean): Promise<RevocationEffect> {
  const alone = withAlone(host.trustFile.read(), target)
  const verifier = host.verifier(alone)
  const affected: string[] = []
  const quarantined: string[] = []
  const failures: RevocationEffect['failures'][number][] = []
  const attempt = async (subject: string, work: () => Promise<void>) => {
    try {
      await work()
    } catch (thrown) {
      const { code, message } = failureOf(thrown, subject)
      failures.push({ subject, code, message })
    }
  }
  for (const name of host.store.names()) {
    await attempt(name, async () => {
      const installation = host.store.find(name)
      const refusal = installation === null ? null : await refusalBy(target, host, verifier, installation)
      if (installation === null || refusal === null) return
      affected.push(`${name} ${installation.version}`)
      if (quarantine(host, installation, refusal)) quarantined.push(`${name} ${installation.version}`)
    })
  }
  // Asked for after everything was put away: no further run of it can begin.
  const runs: RevokedRun[] = []
  for (const { run } of liveRuns(host, null)) {
    const { name, version, id } = run
    await attempt(`run ${id}`, async () => {
      const release = ranRelease(host, name, version)
      if (release === null) return
      const isRevoked = await alone.releaseRevocationOf({ name, version, sha256: release.digest })
      if (isRevoked !== null || (await refusalBy(target, host, verifier, release)) !== null)
        runs.push({ name, version, run: id })
    })
  }
  const stopped: StoppedRun[] = []
  for (const { name, run } of isToStop ? runs : []) {
    await attempt(`run ${run}`, async () => void stopped.push(...(await endRun(host, name, run))))
  }
  const live = new Set(liveRuns(host, null).map(({ run }) => run.id))
  return { affected, quarantined, running: runs.filter(({ run }) => live.has(run)), stopped, failures }
}

/** A release that was replaced keeps its files as long as it runs. */
export function ranRelease({ store }: Host, name: PluginName, version: string): Examined | null {
  const installed = store.find(name)
  if (installed?.version === version) return installed
  const known = store.releases.find(name, version)
  return known === null ? null : { ...known, digest: known.sha256, unsignedUntilMs: null }
}

/** The policy as if nothing else had ever been revoked. */
function withAlone({ document }: TrustPolicy, target: string): TrustPolicy {
  return policyOf({ ...document, revocations: document.revocations.filter((one) => one.target === target) })
}

/** @throws PluginError for what says nothing about the plugin, such as a disk that cannot be read */
async function refusalBy(
  target: string,
  host: Host,
  verifier: Verifier,
  examined: Examined,
): Promise<PluginError | null> {
  const verdict = await examine(host, verifier, examined)
  if (verdict.ok) return null
  const revocation = verdict.error.details.revocation as Revocation | undefined
  if (revocation?.target === target) return verdict.error
  if (isOfThePlugin(verdict.error)) return null
  throw verdict.error
}

async function endRun(host: Host, name: PluginName, run: string): Promise<StoppedRun[]> {
  const { stop } = await import('./stopping.ts')
  try {
    return await stop(host, name, { run })
  } catch (error) {
    // It has ended by itself.
    if (error instanceof PluginError && (error.code === 'NOT_RUNNING' || error.code === 'RUN_NOT_FOUND')) return []
    throw error
  }
}
