import { PluginError, RefusedRun } from '../index.ts'
import type { Io } from './io.ts'
import { plain } from './text.ts'

/** Prints an error the one way there is (DESIGN §6 and STYLE §8) and answers its exit code. */
export function reportError(error: unknown, args: readonly string[], io: Io): number {
  if (error instanceof RefusedRun) {
    reportError(error.cause, args, io)
    return error.exitCode
  }
  const known = error instanceof PluginError ? error : bug(error)
  if (wantsJson(args)) {
    io.stdout(`${JSON.stringify({ error: known })}\n`)
    return known.exitCode
  }
  io.stderr(`plugins: ${plain(known.message)}\n`)
  const faults = known.details.faults
  if (Array.isArray(faults) && faults.length > 1) {
    const texts = faults.map((fault) => (typeof fault === 'string' ? fault : `${fault.path}: ${fault.message}`))
    // The sentence has said one or all of them already.
    for (const text of texts) if (!known.message.includes(text)) io.stderr(`  - ${plain(text)}\n`)
  }
  if (known.hint !== undefined) io.stderr(`\nhint: ${plain(known.hint)}\n`)
  if (known.code === 'INTERNAL' && process.env.BULKHEAD_DEBUG !== undefined && error instanceof Error) {
    io.stderr(`\n${error.stack}\n`)
  }
  return known.exitCode
}

function bug(error: unknown): PluginError {
  return new PluginError('INTERNAL', `cannot go on: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
    hint: 'this is a bug in Bulkhead; BULKHEAD_DEBUG=1 prints where',
  })
}

/** Looked up by hand, since the error may be that the command line could not be parsed. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).includes('--json')
}
