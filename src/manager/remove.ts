import { statSync } from 'node:fs'
import { assertNotNeeded, dependentsOf } from '../core/dependents.ts'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { StepUndo } from '../core/step.ts'
import { removeData, removeLogs } from '../runtime/index.ts'
import { type ChangeOptions, change, type Steps } from './change.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'
import { justRemoved } from './presence.ts'
import { finishRemoval } from './recovery.ts'
import { signedManifestOf } from './signed-manifest.ts'
import { guardData } from './snapshots.ts'
import { verifyInstalled } from './verification.ts'

export interface RemoveOptions extends ChangeOptions {
  /** Its data, its logs and its user id go too. */
  readonly purge: boolean
  /** Its `preremove` hook is run first, and when that fails nothing is removed; default: true. */
  readonly hooks?: boolean | undefined
  /** Others that are removed with it: that one of them needs it is no reason to keep it. */
  readonly besides?: readonly string[] | undefined
  /** Says what would go. */
  readonly dryRun?: boolean | undefined
}

/** One of several that came together and go together again. */
export interface TakingOut extends RemoveOptions {
  /** `mark`: the newest version that had been here before it; `data`: makes what it keeps what that was before. */
  readonly undo?: { readonly mark: string | null; readonly data: readonly StepUndo[] } | undefined
}

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
export async function remove(host: Host, installation: Installation, options: TakingOut): Promise<Removal> {
  const data = host.layout.data(installation.name)
  const logs = host.layout.logs(installation.name)
  const told = { name: installation.name, version: installation.version, data, logs }
  const assertFits = () => {
    const others = host.store.list().filter(({ name }) => options.besides?.includes(name) !== true)
    assertNotNeeded(others, installation.name)
  }
  assertFits()
  if (options.dryRun === true) {
    const stays = (path: string) => isThere(path) && !options.purge
    return { ...told, dataKept: stays(data), logsKept: stays(logs) }
  }
  const version = await change(host, installation.name, 'remove', options, async (steps) => {
    const { purge, undo } = options
    // Whichever it is by now, since nobody else changes it any more.
    const present = stillInstalled(host, installation.name)
    const leftovers = [...(await sayGoodbye(host, present, steps, options)), ...(undo?.data ?? [])]
    steps.proceed()
    const ending = { change: steps.change, leftovers, assertFits, mark: undo?.mark }
    const going = host.store.retire(present, { purge, ...ending })
    await finishRemovals(host, going)
    return present.version
  })
  return { ...told, version, dataKept: isThere(data), logsKept: isThere(logs) }
}

function stillInstalled({ store }: Host, name: PluginName): Installation {
  const present = store.find(name)
  if (present !== null) return present
  throw justRemoved({ name }, 'remove')
}

/** What needs another one before that. */
export function removalOrder({ store }: Pick<Host, 'store'>, texts: readonly string[]): PluginName[] {
  const left = new Set(texts.map(nameOf))
  const all = store.list()
  const order: PluginName[] = []
  while (left.size > 0) {
    const isFree = (name: PluginName) => !dependentsOf(all, name).some((one) => left.has(one.name))
    const next = [...left].find(isFree) ?? [...left][0]
    if (next === undefined) break
    left.delete(next)
    order.push(next)
  }
  return order
}

/** It is removed whatever happens now. @throws the first that could not be deleted, and is left to the next command */
async function finishRemovals(host: Host, going: readonly Installation[]): Promise<void> {
  const failures: unknown[] = []
  for (const one of going) {
    try {
      await finishRemoval(host, one)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/**
 * `preremove`, of a plugin that may run: what is disabled, in quarantine or not what was signed is removed without being asked.
 *
 * @throws PluginError `HOOK_FAILED`, and what keeps it from being verified
 */
async function sayGoodbye(
  host: Host,
  installation: Installation,
  steps: Steps,
  options: RemoveOptions,
): Promise<readonly StepUndo[]> {
  if (options.hooks === false || installation.state !== 'installed') return []
  const cleared = await clearedForHook(host, installation)
  if (cleared?.manifest.hooks.preremove === undefined) return []
  const { name } = installation
  const data = await guardData(host, { name, before: null, isTouched: true }, steps)
  await steps.take('say goodbye', { undo: 'restore-data', from: data.snapshot?.folder ?? null }, async () => {
    const { runHook } = await import('./hooks.ts')
    const { signal, onProgress } = options
    await runHook(host, { ...cleared, hook: 'preremove', installation, from: null, signal, onProgress })
  })
  return data.leftovers
}

/**
 * `null`: it is not to be trusted any more, which is no reason to keep it.
 *
 * @throws StoreError `DISK_FAILED`, `STORE_BUSY`, `STORE_UNREADABLE`: that is said of this host, and not of the plugin
 */
async function clearedForHook(host: Host, installation: Installation) {
  const { name, version, digest } = installation
  const release = host.layout.release(name, version, digest)
  const { error } = await verifyInstalled(host, installation)
  if (error === null) return { release, manifest: signedManifestOf(release, installation) }
  if (error.exitCode !== 1) return null
  throw new StoreError(error.code, error.message, {
    cause: error,
    hint: `plugins remove ${name} --no-hooks removes it without its goodbye`,
  })
}

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

/**
 * The data and the logs that an earlier `remove` kept.
 *
 * @throws StoreError `NOT_INSTALLED` when there is none, `WRONG_STATE` when it has been installed again meanwhile, `STORE_BUSY`
 */
export async function purgeKept(host: Host, name: PluginName, options: RemoveOptions): Promise<Removal> {
  const { layout, store } = host
  const data = layout.data(name)
  const logs = layout.logs(name)
  if (!isThere(data) && !isThere(logs)) {
    throw new StoreError('NOT_INSTALLED', `cannot remove ${name}: it is not installed, and no data of it is kept`, {
      hint: 'plugins list',
    })
  }
  const told = { name, version: null, data, logs }
  if (options.dryRun === true) return { ...told, dataKept: false, logsKept: false }
  // An installation takes the data over while it goes on. Cut off, what is gone is gone: that is what is said of clearing up.
  await change(host, name, 'gc', options, async () => {
    if (store.find(name) !== null) {
      throw new StoreError('WRONG_STATE', `cannot remove the data of ${name}: it has just been installed again`, {
        hint: `plugins remove ${name} --purge`,
      })
    }
    removeData(data)
    removeLogs(logs)
    store.forgetKept(name)
  })
  return { ...told, dataKept: isThere(data), logsKept: isThere(logs) }
}
