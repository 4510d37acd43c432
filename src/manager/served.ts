import { CallError, type PluginError } from '../core/errors.ts'
import { assertKnownOptions, assertListener, type OptionNames } from '../core/known-options.ts'
import type { Protocol } from '../core/runtimes.ts'
import type { RunOptions } from './clearance.ts'
import { precompile } from './compile-cache/making.ts'
import type { Hosting } from './hosting.ts'
import { SERVED_OPTIONS } from './loaded/load-options.ts'
import { ServedRun } from './loaded/served-run.ts'
import { serve } from './loaded/serving.ts'
import { nameOf } from './plugin-name.ts'
import { type Standing, watchStanding } from './standing.ts'

/** How a plugin is started whose host speaks its protocol. */
export interface ServeOptions
  extends Pick<RunOptions, 'args' | 'name' | 'profile' | 'weaker' | 'env' | 'engine' | 'range' | 'settings'> {
  /** What the plugin has to speak. */
  readonly protocol: Protocol
  /** What it writes to stderr, as it came. It is kept too: `plugins logs`. */
  readonly onStderr?: ((chunk: Buffer) => void) | undefined
  /** Whether it may go on cannot be found out at this moment; it is tried again. */
  readonly onTrouble?: ((error: PluginError) => void) | undefined
}

const SERVE_OPTIONS: OptionNames<ServeOptions> = {
  ...SERVED_OPTIONS,
  protocol: true,
  onStderr: true,
  onTrouble: true,
}

/** A run, and how long one call of it may take, in milliseconds: the plugin's effective `timeout`; 0: as long as it takes. */
export interface Served {
  readonly served: ServedRun
  readonly limitMs: number
}

/** Starts one, and ends it when it may not go on any more. @throws PluginError with the reason why it did not start */
export async function startServed(on: Hosting, text: string, options: ServeOptions): Promise<Served> {
  const name = nameOf(text)
  assertKnownOptions(options, SERVE_OPTIONS, `cannot start ${name}`)
  assertListener(options.onStderr, 'onStderr', `cannot start ${name}`)
  assertListener(options.onTrouble, 'onTrouble', `cannot start ${name}`)
  // Before anything is checked: what happens to it from here on is seen.
  const host = await on.host()
  const after = host.store.events.lastId()
  let limitMs = 0
  const served = await ServedRun.start({
    plugin: name,
    launch: async () => {
      const serving = await serve(on, name, options)
      limitMs = serving.limitMs
      return serving.run
    },
    // In a turn of its own: what the host throws there must not end what reads.
    onStderr: (_, chunk) => options.onStderr && process.nextTick(options.onStderr, chunk),
  })
  const closed = () =>
    void served.close(new CallError('PLUGIN_CLOSED', `cannot go on with ${name}: its host has closed it`))
  if (on.closing.aborted) closed()
  on.closing.addEventListener('abort', closed, { once: true })
  served.whenOver(() => on.closing.removeEventListener('abort', closed))
  const standing: Standing = {
    name,
    gone: served.over,
    isOwn: (run) => run === served.run.run,
    // At once, and whatever it is doing.
    revoke: async (why) => void (await served.kill(why)),
    unwatched: (error) => options.onTrouble?.(error),
  }
  watchStanding(on, standing, host, after)
  void precompile(on, name, served.over)
  return { served, limitMs }
}
