import type { PluginName } from '../../core/name.ts'
import type { JournalLine, Run } from '../../runtime/index.ts'
import type { RunOptions } from '../clearance.ts'
import type { Hosting } from '../hosting.ts'
import { begin, ready } from '../launch.ts'

export interface ServingOptions extends RunOptions {
  readonly onJournal?: ((run: string, line: JournalLine) => void) | undefined
}

/** A run that its host speaks to, and the plugin's effective `timeout` in milliseconds; 0: none. */
export interface Serving {
  readonly run: Run
  readonly limitMs: number
}

/**
 * Starts one sandbox of a plugin that its host will call. It is checked, planned and recorded as any run is. Its
 * `timeout` is that of a call, which whoever calls it keeps, and the run lives as long as its host wants (DESIGN §3).
 */
export async function serve(on: Hosting, name: PluginName, options: ServingOptions): Promise<Serving> {
  let limitMs = 0
  const run = await on.runs.add(name, async () => {
    const host = await on.host()
    const { plan, launcher, started } = await ready(host, name, options)
    limitMs = plan.limits.timeoutMs.value
    const limits = { ...plan.limits, timeoutMs: { value: 0, from: 'protocol' as const } }
    const onJournal = (line: JournalLine) => options.onJournal?.(plan.run, line)
    return begin(host, { ...plan, limits }, launcher, { onJournal, started }, on.runs.isOpen)
  })
  return { run, limitMs }
}
