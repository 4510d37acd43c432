import { CallError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import type { JournalLine, Run } from '../runtime/index.ts'
import { precompile } from './compile-cache/making.ts'
import type { Hosting } from './hosting.ts'
import { Instance, type InstanceOptions } from './loaded/instance.ts'
import { Instances } from './loaded/instances.ts'
import { type LoadOptions, planLoad } from './loaded/load-options.ts'
import { LoadedPlugin } from './loaded/loaded-plugin.ts'
import { serve } from './loaded/serving.ts'
import { nameOf } from './plugin-name.ts'
import { type Standing, watchStanding } from './standing.ts'
import { ps } from './watching.ts'

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
  const own = new Set<string>()
  const launch = async (called: string | undefined): Promise<Run> => {
    const onJournal = (id: string, line: JournalLine) => plugin.journal(id, line)
    const { run, limitMs } = await serve(on, name, { ...options, name: called, protocol: 'jsonrpc', onJournal })
    plan.limitMs = limitMs
    own.add(run.run)
    const forget = () => void own.delete(run.run)
    run.outcome.then(forget, forget)
    return run
  }
  const instance: Omit<InstanceOptions, 'launch'> = {
    plugin: name,
    bounds: plan.bounds,
    functions: plan.functions,
    startTimeoutMs: plan.startTimeoutMs,
    onViolation: (run, { code, message }) => plugin.tell('violation', { run, code, message }),
    onStderr: (run, chunk) => plugin.tell('stderr', { run, chunk }),
  }
  const instances = new Instances({
    plugin: name,
    count: plan.instances,
    start: (over, at) => {
      const called = plan.names[at] ?? undefined
      return Instance.start({ ...instance, launch: () => launch(called) }, over)
    },
    policy: plan.policy,
    onStarted: ({ run: { run, instance }, pid }) => plugin.tell('started', { run, instance, pid }),
    onEnded: ({ run: { run, instance } }, { outcome, isAsked, error }) => {
      plugin.tell('ended', { run, instance, outcome, isAsked })
      if (outcome.outcome === 'limited') plugin.tell('limit', { run, limit: outcome.limit, outcome })
      if (!isAsked) plugin.tell('crash', { run, instance, error })
    },
    onStartFailed: (error, at) => {
      const { run, outcome } = error.details as { run?: string; outcome?: Outcome }
      if (run !== undefined && outcome?.outcome === 'limited')
        plugin.tell('limit', { run, limit: outcome.limit, outcome })
      plugin.tell('crash', { run: null, instance: plan.names[at] ?? null, error })
    },
    onRestart: (inMs, attempt) => plugin.tell('restart', { inMs, attempt }),
    onCircuit: (state) => plugin.tell('circuit', { state }),
  })
  const plugin = new LoadedPlugin(plan, instances, async () => ps(await on.host(), name))

  const cancelled = () => void instances.close(cancelledError())
  options.signal?.addEventListener('abort', cancelled, { once: true })
  const closed = () => void plugin.close({ drainMs: 0 })
  on.closing.addEventListener('abort', closed, { once: true, signal: plugin.closed })
  const standing: Standing = {
    name,
    gone: plugin.gone,
    isOwn: (run) => own.has(run),
    revoke: (error) => plugin.revoke(error),
    unwatched: (error) => plugin.tell('crash', { run: null, instance: null, error }),
  }
  watchStanding(on, standing, host, after)
  try {
    await instances.open()
    // All were there already when it was cancelled, closed or revoked, and not for long.
    instances.assertOpen()
  } catch (error) {
    // Nothing of it is left; and nobody has to watch it.
    await plugin.close({ drainMs: 0 })
    throw error
  } finally {
    options.signal?.removeEventListener('abort', cancelled)
    // What happened until now is told by now: whoever listens to what was loaded hears of nothing before that.
    await new Promise<void>((told) => process.nextTick(told))
  }
  void precompile(on, name, plugin.closed)
  return plugin
}
