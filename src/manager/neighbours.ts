import { PluginError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import type { ReleaseBeside } from '../store/index.ts'
import { reexamine } from './clearance.ts'
import type { Host } from './host.ts'

/** So many versions are looked at: an update changes little, and each costs a verification. */
const NEIGHBOURS_MAX = 2

/** Versions of a plugin that are here, with their lists of files: what they hold already need not be written again. */
export async function neighbours(host: Host, name: PluginName): Promise<ReleaseBeside[]> {
  const active = host.store.find(name)
  const here = [...(active === null ? [] : [active]), ...host.store.kept(name)].slice(0, NEIGHBOURS_MAX)
  const beside: ReleaseBeside[] = []
  for (const installation of here) {
    const { version, digest } = installation
    const release = host.layout.release(name, version, digest)
    // Of one that is not to be trusted any more nothing is taken; an update must not fail for it.
    const files = await filesOf(host, release, installation)
    if (files !== null) beside.push({ name, version, digest, files })
  }
  return beside
}

async function filesOf(host: Host, release: string, installation: Parameters<typeof reexamine>[2]) {
  try {
    const { verdict } = await reexamine(host, release, installation, { thorough: false })
    return verdict.ok ? verdict.value.statement.files : null
  } catch (error) {
    // Its bundle or its list is gone: `verify` and `repair` say so.
    if (error instanceof PluginError) return null
    throw error
  }
}
