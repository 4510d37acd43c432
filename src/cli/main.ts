import { reportError } from './error-report.ts'
import { type Io, processIo } from './io.ts'

/** Runs one command line and sets the exit code. The only place that prints an error or decides to exit. */
export async function main(args: readonly string[], io: Io = processIo()): Promise<void> {
  // A reader that went away (`plugins list | head`) is not our failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  try {
    process.exitCode = await dispatch(args, io)
  } catch (error) {
    process.exitCode = reportError(error, args, io)
  }
}

/** `run` is the hot path and parses for itself: building the tree of commands takes longer than starting a sandbox. */
async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const { parseRun } = await import('./commands/run-arguments.ts')
  const run = parseRun(args)
  if (run !== null) {
    const { runCommand } = await import('./commands/run.ts')
    return runCommand(run, io)
  }
  const { runProgram } = await import('./program.ts')
  return runProgram(args, io)
}
