import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { HookName, Manifest } from '../core/manifest.ts'
import type { ChangeOptions, Steps } from './change.ts'
import { runHook } from './hooks.ts'
import type { Host } from './host.ts'
import type { DataGuard } from './snapshots.ts'

export interface Trial {
  readonly installation: Installation
  readonly manifest: Manifest
  /** The version whose data it finds; `null`: none is installed. */
  readonly from: string | null
}

/** Is anything of the release run before it is installed? */
export const isTried = ({ health, hooks }: Manifest): boolean =>
  health !== undefined || hooks['migrate-data'] !== undefined || hooks.postinstall !== undefined

/**
 * A release as far as it may be tried out: a plugin that is switched off is not run, in no version and by no change.
 *
 * @throws StoreError `WRONG_STATE`: it would have to be set up, or to take over the data
 */
export function triable({ store }: Pick<Host, 'store'>, manifest: Manifest): Manifest {
  const { name, version, hooks } = manifest
  const before = store.find(name)
  if (before === null || !store.isSwitchedOff(before)) return manifest
  const hook = (['migrate-data', 'postinstall'] as const).find((one) => hooks[one] !== undefined)
  if (hook === undefined) return { ...manifest, health: undefined }
  throw new StoreError(
    'WRONG_STATE',
    `cannot install ${name} ${version}: it is disabled, and its hook ${hook} would be run`,
    { hint: `plugins enable ${name} first` },
  )
}

/**
 * Runs what a release brings for the occasion, in its own sandbox: it takes over the data, sets itself up, and shows that it
 * works. What one of them did to the data is undone with the change.
 *
 * @throws PluginError `HOOK_FAILED`, `HEALTH_FAILED`
 */
export async function tryOut(
  host: Host,
  { installation, manifest, from }: Trial,
  data: DataGuard,
  steps: Steps,
  { signal, onProgress }: ChangeOptions,
): Promise<void> {
  if (!isTried(manifest)) return
  const { name, version, digest } = installation
  const release = host.layout.release(name, version, digest)
  const run = async (hook: HookName | 'health') => {
    steps.proceed()
    await runHook(host, { hook, installation, release, manifest, from, signal, onProgress })
  }
  await steps.take('try it out', { undo: 'restore-data', from: data.snapshot?.folder ?? null }, async () => {
    if (from !== null && manifest.hooks['migrate-data'] !== undefined) await run('migrate-data')
    if (manifest.hooks.postinstall !== undefined) await run('postinstall')
    if (manifest.health !== undefined) await run('health')
    const { flushData } = await import('../runtime/data/durable.ts')
    flushData(host.layout.data(name), `keep what was written to /data of ${name}`)
  })
}
