import { statSync } from 'node:fs'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { Removal } from '../manager.ts'
import { removeData } from '../runtime/index.ts'
import type { Host } from './host.ts'
import { removeTree } from './recovery.ts'

/** Row to `removing`, tree gone, data gone if asked, row gone: a crash between any two is finished at the next start. */
export async function remove(
  host: Host,
  installation: Installation,
  { purge }: { readonly purge: boolean },
): Promise<Removal> {
  const { store, layout, trees } = host
  assertNotRunning(host, installation)
  const data = layout.data(installation.name)
  const leaving = store.advance(installation, 'removing', purge ? 'removed with its data' : 'removed')
  if (purge) removeData(data)
  if (await removeTree({ store, trees }, leaving)) {
    if (purge) store.releaseUid(installation.name)
  }
  return {
    name: installation.name,
    version: installation.version,
    dataKept: statSync(data, { throwIfNoEntry: false }) !== undefined,
    data,
  }
}

function assertNotRunning({ store }: Host, { name, version }: Installation): void {
  const running = store.runs.open().filter(({ run, alive }) => alive && run.name === name)
  const [first] = running
  if (first === undefined) return
  throw new StoreError(
    'WRONG_STATE',
    `cannot remove ${name} ${version}: it is running (${running.length} at the moment)`,
    {
      hint: `end it first: kill ${first.pid}`,
      details: { pids: running.map(({ pid }) => pid) },
    },
  )
}
