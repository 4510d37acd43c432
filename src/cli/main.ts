import { reportError } from './error-report.ts'
import { type Io, processIo } from './io.ts'
import { runProgram } from './program.ts'

/** Runs one command line and sets the exit code. The only place that prints an error or decides to exit. */
export async function main(args: readonly string[], io: Io = processIo()): Promise<void> {
  try {
    process.exitCode = await runProgram(args, io)
  } catch (error) {
    process.exitCode = reportError(error, args, io)
  }
}
