import { statSync } from 'node:fs'
import type { Installation } from '../core/installation.ts'
import type { Removal } from '../manager.ts'
import type { Host } from './host.ts'
import { finishRemoval } from './recovery.ts'

/** Row to `removing`, data gone if asked, tree gone, row gone: a crash between any two is finished at the next start. */
export async function remove(
  host: Host,
  installation: Installation,
  { purge }: { readonly purge: boolean },
): Promise<Removal> {
  const data = host.layout.data(installation.name)
  await finishRemoval(host, host.store.retire(installation, { purge }))
  return {
    name: installation.name,
    version: installation.version,
    dataKept: statSync(data, { throwIfNoEntry: false }) !== undefined,
    data,
  }
}
