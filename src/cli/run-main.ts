import { sqliteBinding } from '../index.ts'
import { runCommand } from './commands/run.ts'
import { parseRun } from './commands/run-arguments.ts'
import { reportError } from './error-report.ts'
import { processIo } from './io.ts'

/**
 * `plugins run`, bundled into one file of its own: building the tree of commands, and finding thirty chunks on disk, take
 * longer than starting a sandbox. `false` when the line turns out to be another command's.
 */
export async function runMain(args: readonly string[]): Promise<boolean> {
  const io = processIo()
  try {
    const run = parseRun(args)
    // Without the driver's binary at hand this bundle cannot find it; the whole program can.
    if (run === null || sqliteBinding() === undefined) return false
    process.exitCode = await runCommand(run, io)
  } catch (error) {
    process.exitCode = reportError(error, args, io)
  }
  return true
}
