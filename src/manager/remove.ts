import { statSync } from 'node:fs'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { removeData, removeLogs } from '../runtime/index.ts'
import type { Host } from './host.ts'
import { finishRemoval } from './recovery.ts'

export interface Removal {
  readonly name: PluginName
  /** `null`: only the data of an earlier installation was left. */
  readonly version: string | null
  readonly dataKept: boolean
  readonly data: string
  /** What its runs wrote to stderr. */
  readonly logsKept: boolean
  readonly logs: string
}

/** Row to `removing`, data gone if asked, tree gone, row gone: a crash between any two is finished at the next start. */
export async function remove(
  host: Host,
  installation: Installation,
  { purge }: { readonly purge: boolean },
): Promise<Removal> {
  const data = host.layout.data(installation.name)
  const logs = host.layout.logs(installation.name)
  await finishRemoval(host, host.store.retire(installation, { purge }))
  return {
    name: installation.name,
    version: installation.version,
    dataKept: isThere(data),
    data,
    logsKept: isThere(logs),
    logs,
  }
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

/** The data and the logs that an earlier `remove` kept. @throws StoreError `NOT_INSTALLED` when there is none */
export function purgeKept({ layout, store }: Host, name: PluginName): Removal {
  const data = layout.data(name)
  const logs = layout.logs(name)
  if (!isThere(data) && !isThere(logs)) {
    throw new StoreError('NOT_INSTALLED', `cannot remove ${name}: it is not installed, and no data of it is kept`, {
      hint: 'plugins list',
    })
  }
  removeData(data)
  removeLogs(logs)
  store.forgetKept(name)
  return { name, version: null, dataKept: false, data, logsKept: false, logs }
}
