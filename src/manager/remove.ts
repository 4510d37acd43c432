import { statSync } from 'node:fs'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { removeData } from '../runtime/index.ts'
import type { Host } from './host.ts'
import { finishRemoval } from './recovery.ts'

export interface Removal {
  readonly name: PluginName
  /** `null`: only the data of an earlier installation was left. */
  readonly version: string | null
  readonly dataKept: boolean
  readonly data: string
}

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

/** The data that an earlier `remove` kept. @throws StoreError `NOT_INSTALLED` when there is none */
export function purgeKept({ layout, store }: Host, name: PluginName): Removal {
  const data = layout.data(name)
  if (statSync(data, { throwIfNoEntry: false }) === undefined) {
    throw new StoreError('NOT_INSTALLED', `cannot remove ${name}: it is not installed, and no data of it is kept`, {
      hint: 'plugins list',
    })
  }
  removeData(data)
  store.forgetKept(name)
  return { name, version: null, dataKept: false, data }
}
