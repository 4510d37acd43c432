import { PluginError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { LayerFinding, PreloadFailure } from '../runtime/index.ts'
import type { AuditEvent, Store } from '../store/index.ts'
import type { Host } from './host.ts'

const FAILED = 'preload-failed'
/** A host that still fails has said so within the longest time after which it tries again; and as long again for it to be asked. */
const RECENT_MS = 20 * 60_000

/** A run is started cold all the same, also where the trail cannot be written. */
export function notePreloadFailure(store: Store, { name, modules, reason, count, againInMs }: PreloadFailure): void {
  if (!store.isOpen) return
  try {
    store.note(FAILED, name, { modules, reason: printable(reason, 600), count, againInMs })
  } catch (error) {
    if (!(error instanceof PluginError)) throw error
  }
}

/** For the doctor, where the operator lists modules. Nothing runs less for it. */
export function preloadFindings({ config, store, now }: Pick<Host, 'config' | 'store' | 'now'>): LayerFinding[] {
  const { python } = config.preload
  if (python.length === 0) return []
  const since = now().getTime() - RECENT_MS
  const isListed = ({ details }: AuditEvent) => [details.modules].flat().every((module) => python.includes(`${module}`))
  const [failed] = store
    .list()
    .flatMap(({ name }) => store.events.latest(name, [FAILED]) ?? [])
    .filter((event) => event.atMs >= since && isListed(event))
    .sort((one, other) => other.atMs - one.atMs)
  const found = { layer: 'preload', required: false, available: failed === undefined }
  if (failed === undefined) return [{ ...found, detail: 'no module has failed to be preloaded of late', remedy: null }]
  const { subject, atMs, details } = failed
  return [
    {
      ...found,
      detail: printable(`${subject}, at ${new Date(atMs).toISOString()}: ${details.reason}`, 700),
      cause: 'its runs are started cold',
      remedy: 'repair the module, or take it out of preload.python in config.json',
    },
  ]
}
