import { executePlugin, openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import type { RunArguments } from './run-arguments.ts'

/** Replaces this process by the sandbox's launcher, unless the plan is only to be shown or the run is refused. */
export async function runCommand(run: RunArguments, io: Io): Promise<number> {
  const options = {
    args: run.args,
    profile: run.profile,
    timeout: run.timeout,
    weaker: run.weaker,
    engine: run.engine,
    reportFile: run.report,
    reportDenials: run.reportDenials,
  }
  if (run.dryRun) {
    const manager = await openManager({ home: run.home })
    io.stdout(`${JSON.stringify(await manager.plan(run.name, options), null, 2)}\n`)
    await manager.close()
    return 0
  }
  return executePlugin({ home: run.home }, run.name, options)
}
