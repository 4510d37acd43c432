import { setTimeout as sleep } from 'node:timers/promises'
import { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'
import type { VerifiedStatement } from '../core/verified.ts'
import { assertSameRelease, reexamine } from './clearance.ts'
import type { Host } from './host.ts'

/**
 * Files that versions share get other times when a version comes or goes, and the seal of what is settled does not hold any more:
 * its next run would hash what differs. It is done here instead, by whoever changed that. What is wrong with it is for
 * that run to say.
 */
export async function freshen(host: Host, name: PluginName): Promise<void> {
  try {
    await freshened(host, name)
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
  }
}

async function freshened(host: Host, name: PluginName): Promise<void> {
  const installation = host.store.find(name)
  // Small trees have none: they are hashed at each run.
  if (installation?.seal == null) return
  const verified = await judged(host, installation)
  if (verified === null) return
  await sleep(SETTLE_MS)
  const path = packageOf(host.layout.release(name, installation.version, installation.digest))
  const { seal } = await host.trees.check(path, verified.statement.files, installation.seal)
  if (seal !== null) host.store.reseal(installation, seal)
}

/** Longer than a clock tick: a seal is not made of what has changed within the last one. */
const SETTLE_MS = 25

async function judged(host: Host, installation: Installation): Promise<VerifiedStatement | null> {
  const release = host.layout.release(installation.name, installation.version, installation.digest)
  try {
    const { verdict } = await reexamine(host, release, installation, { thorough: false })
    if (!verdict.ok) return null
    assertSameRelease(installation, verdict.value)
    return verdict.value
  } catch (error) {
    if (error instanceof PluginError) return null // it is damaged, which is for others to say
    throw error
  }
}
