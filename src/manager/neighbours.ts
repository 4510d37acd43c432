import { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { SignedFile } from '../core/statement.ts'
import type { ReleaseBeside } from '../store/index.ts'
import { reexamine } from './clearance.ts'
import type { Host } from './host.ts'

/** Of so many versions the lists are read: an update changes little, and each costs a verification. */
const NEIGHBOURS_MAX = 2

/**
 * Versions of a plugin that are here, with their lists of files: what they hold already need not be written again. A version
 * whose list is not read, or is not to be trusted any more, has an empty one: nothing is taken of it, and the names that it has
 * for files of the others are known of.
 */
export async function neighbours(host: Host, name: PluginName): Promise<ReleaseBeside[]> {
  const active = host.store.find(name)
  const beside: ReleaseBeside[] = []
  for (const installation of [...(active === null ? [] : [active]), ...host.store.kept(name)]) {
    const { version, digest } = installation
    const release = host.layout.release(name, version, digest)
    const files = beside.length < NEIGHBOURS_MAX ? await filesOf(host, release, installation) : []
    beside.push({ name, version, digest, files })
  }
  return beside
}

/** An update must not fail for what is wrong with another version. */
async function filesOf(host: Host, release: string, installation: Installation): Promise<readonly SignedFile[]> {
  try {
    const { verdict } = await reexamine(host, release, installation, { thorough: false })
    return verdict.ok ? verdict.value.statement.files : []
  } catch (error) {
    // Its bundle or its list is gone: `verify` and `repair` say so.
    if (error instanceof PluginError) return []
    throw error
  }
}
