import { findLauncher, type JournalLine, Launcher, type Run } from '../../runtime/index.ts'
import type { Host } from '../host.ts'
import { begin } from '../launch.ts'
import { prepare } from '../run.ts'
import type { LoadOptions, LoadPlan } from './load-options.ts'

/**
 * Starts one sandbox of a plugin that its host will call. It is checked, planned and recorded as any run is. Its
 * `timeout` is that of a call, which the handle keeps, and the run lives as long as its host wants (DESIGN §3).
 */
export async function serve(
  host: Host,
  load: LoadPlan,
  options: LoadOptions,
  onJournal: (run: string, line: JournalLine) => void,
  isOpen: () => boolean,
): Promise<Run> {
  const launcher = new Launcher({ binary: findLauncher() })
  const plan = await prepare(host, load.name, { ...options, protocol: 'jsonrpc' })
  load.limitMs = plan.limits.timeoutMs.value
  const limits = { ...plan.limits, timeoutMs: { value: 0, from: 'protocol' as const } }
  return begin(host, { ...plan, limits }, launcher, { onJournal: (line) => onJournal(plan.run, line) }, isOpen)
}
