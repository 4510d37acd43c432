import type { Host, HostOptions } from './host.ts'
import { openRecovered } from './recovery.ts'
import { assertWritable, type ExecuteOptions, execute, refusedRun } from './run.ts'

/**
 * Opens a home for one run, and becomes its launcher: without a `PluginManager`, since what that can do besides is as much to
 * load as all that a run needs. A home that cannot be opened is a run that never started, too.
 *
 * @throws RefusedRun
 */
export async function executeAt(home: HostOptions, name: string, options: ExecuteOptions): Promise<never> {
  if (options.reportFile !== undefined) assertWritable(options.reportFile)
  let host: Host
  try {
    host = await openRecovered(home)
  } catch (error) {
    throw refusedRun(error, options.reportFile)
  }
  return execute(host, name, options)
}
