import { CallError, PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { Run } from '../runtime/index.ts'
import type { AuditEvent } from '../store/index.ts'
import { assertRunnable, assertStillTrusted } from './clearance.ts'
import { precompile } from './compile-cache/making.ts'
import { PAGE } from './following.ts'
import { type Host, nameOf } from './host.ts'
import type { LiveRuns } from './live-runs.ts'
import { Instance, type InstanceOptions } from './loaded/instance.ts'
import { Instances } from './loaded/instances.ts'
import { type LoadOptions, planLoad } from './loaded/load-options.ts'
import { LoadedPlugin } from './loaded/loaded-plugin.ts'
import { serve } from './loaded/serving.ts'
import { isRevocation, quarantine } from './quarantine.ts'
import { ranRelease } from './revocation.ts'
import { passed, ps } from './watching.ts'

/** What a manager lends to a plugin that it loads. */
export interface Hosting {
  /** The host as it is configured at this moment. */
  readonly host: () => Promise<Host>
  readonly runs: LiveRuns
  /** The manager is being closed. */
  readonly closing: AbortSignal
}

/** Starts every instance and waits until each answers; if one does not, none stays. @throws PluginError */
export async function load(on: Hosting, text: string, options: LoadOptions): Promise<LoadedPlugin> {
  const plan = planLoad(nameOf(text), options)
  const { name } = plan
  const cancelledError = () =>
    new CallError('CALL_CANCELLED', `cannot load ${name}: it was cancelled`, { cause: options.signal?.reason })
  const host = await on.host()
  if (options.signal?.aborted === true) throw cancelledError()
  // Before anything is checked: what happens to it from here on is seen.
  const after = host.store.events.lastId()
  const instance: InstanceOptions = {
    plugin: name,
    launch: () =>
      on.runs.add(name, async () =>
        serve(await on.host(), plan, options, (run, line) => plugin.journal(run, line), on.runs.isOpen),
      ),
    bounds: plan.bounds,
    functions: plan.functions,
    startTimeoutMs: plan.startTimeoutMs,
    onViolation: (run, { code, message }) => plugin.tell('violation', { run, code, message }),
    onStderr: (run, chunk) => plugin.tell('stderr', { run, chunk }),
  }
  // Nobody can listen before that.
  let isLoaded = false
  const instances = new Instances({
    plugin: name,
    count: plan.instances,
    start: (over) => Instance.start(instance, over),
    policy: plan.policy,
    onStarted: ({ run, pid }) => isLoaded && plugin.tell('started', { run: run.run, pid }),
    onEnded: ({ run: { run } }, { outcome, isAsked, error }) => {
      plugin.tell('ended', { run, outcome, isAsked })
      if (outcome.outcome === 'limited') plugin.tell('limit', { run, limit: outcome.limit, outcome })
      if (!isAsked) plugin.tell('crash', { run, error })
    },
    onStartFailed: (error) => plugin.tell('crash', { run: null, error }),
    onRestart: (inMs, attempt) => plugin.tell('restart', { inMs, attempt }),
    onCircuit: (state) => plugin.tell('circuit', { state }),
  })
  const plugin = new LoadedPlugin(plan, instances, async () => ps(await on.host(), name))

  const cancelled = () => void instances.close(cancelledError())
  options.signal?.addEventListener('abort', cancelled, { once: true })
  const closed = () => void plugin.close({ drainMs: 0 })
  on.closing.addEventListener('abort', closed, { once: true, signal: plugin.closed })
  watch(on, host, plugin, after)
  try {
    await instances.open()
    isLoaded = true
  } catch (error) {
    // Nothing of it is left; and nobody has to watch it.
    await plugin.close({ drainMs: 0 })
    throw error
  } finally {
    options.signal?.removeEventListener('abort', cancelled)
  }
  void precompiled(on, name, plugin.closed)
  return plugin
}

/** How often the trust policy is asked again: an edit by hand leaves no line in the trail. */
const TRUST_MS = 10_000

/** How often the trail is looked at, and how soon again when it could not be. */
const TRAIL_MS = 500
const AGAIN_MS = 1_000

/** Ends it when it may not run any more, whoever decided so: from its first start until nothing of it runs. */
function watch(on: Hosting, host: Host, plugin: LoadedPlugin, after: number): void {
  const { name } = plugin
  let last = after
  let known = host
  const over = AbortSignal.any([on.closing, plugin.gone])
  const tell = (error: unknown): void => {
    if (over.aborted) return
    const known = error instanceof PluginError ? error : new PluginError('INTERNAL', `cannot watch ${name}: ${error}`)
    plugin.tell('crash', { run: null, error: known })
  }
  const judged = async (): Promise<void> => {
    // A config.json that cannot be read is told at the next start, and nobody is spared by it meanwhile.
    known = await on.host().catch(() => known)
    const refusal = await refusalOf(known, name)
    if (refusal !== null) await plugin.revoke(refusal)
  }
  const byTrail = async (): Promise<void> => {
    let news: readonly AuditEvent[]
    do {
      news = known.store.events.since(last, PAGE)
      // Once for all of it: a plugin that has much written about it is not judged more often for that.
      if (news.some(({ subject }) => subject === name)) await judged()
      last = news.at(-1)?.id ?? last
    } while (await passed(news.length === PAGE ? 0 : TRAIL_MS, over))
  }
  const byTrust = async (): Promise<void> => {
    while (await passed(TRUST_MS, over)) await judged()
  }
  for (const watching of [byTrail, byTrust]) {
    // What cannot be watched is told, and watched again: a disk that fails for a moment must not end the watch.
    const again = async (): Promise<void> => {
      do await watching().catch(tell)
      while (await passed(AGAIN_MS, over))
    }
    void again()
  }
}

/** Why a plugin may not go on, or `null`. What only refuses a new run, such as an emptied policy, ends none that goes on. */
async function refusalOf(host: Host, name: PluginName): Promise<PluginError | null> {
  const installation = host.store.find(name)
  if (installation === null) return new CallError('PLUGIN_CLOSED', `cannot go on with ${name}: it was removed`)
  // What was revoked is in quarantine too, and that is not why.
  const revocation = await revocationOf(host, installation)
  if (revocation !== null) return revocation
  try {
    assertRunnable(host, installation)
    return null
  } catch (error) {
    if (error instanceof PluginError) return error
    throw error
  }
}

/** Of what is installed, which is then put away, or of a version that was replaced and goes on until it is renewed. */
async function revocationOf(host: Host, installation: Installation): Promise<PluginError | null> {
  const { name, version } = installation
  const before = new Set(ps(host, name).map((run) => run.version))
  before.delete(version)
  const replaced = [...before].map((other) => ranRelease(host, name, other))
  for (const release of [installation, ...replaced]) {
    try {
      if (release !== null) await assertStillTrusted(host, release)
    } catch (error) {
      if (!(error instanceof PluginError)) throw error
      const isRevoked: boolean = isRevocation(error)
      if (isRevoked && release === installation) quarantine(host, installation, error)
      if (isRevoked) return error
    }
  }
  return null
}

/** For the next start; of this one nobody waits for it, and whatever becomes of it is no end of the host's process. */
export async function precompiled(on: Hosting, name: PluginName, over: AbortSignal): Promise<void> {
  const start = (work: () => Promise<Run>) => on.runs.add(name, work)
  const making = { start, isOpen: on.runs.isOpen, over: AbortSignal.any([on.closing, over]) }
  try {
    await precompile(await on.host(), name, making)
  } catch {
    // Where not even the trail can be written, or config.json read, whatever is asked of the host next says so.
  }
}
