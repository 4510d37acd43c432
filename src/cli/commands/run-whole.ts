import { UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { runCommand } from './run.ts'
import { parseRun } from './run-arguments.ts'

/** `plugins run` that came past the hot path. Parsed by the parser of that, so that both ways in understand the same. */
export async function runWhole(_settings: Settings, io: Io, line: readonly string[]): Promise<number> {
  const run = parseRun(line)
  if (run === null) throw new UsageError('USAGE', 'cannot run: no plugin named', { hint: 'plugins run NAME [-- ARGS]' })
  return runCommand(run, io)
}
