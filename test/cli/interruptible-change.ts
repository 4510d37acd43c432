// A change of a few steps as a command does it, for the tests to interrupt. Says on stdout where it is.

import { setTimeout as sleep } from 'node:timers/promises'
import { reportError } from '../../src/cli/error-report.ts'
import { processIo } from '../../src/cli/io.ts'
import { ongoing } from '../../src/cli/progress.ts'
import { assertNotInterrupted } from '../../src/core/interrupted.ts'

const [how] = process.argv.slice(2)
const io = processIo()
const settings = { home: undefined, json: false, quiet: false, color: false, columns: 80 }
try {
  await ongoing(settings, io, async ({ signal }) => {
    io.stdout('begun\n')
    if (how === 'late') {
      while (!signal.aborted) await sleep(20)
      return
    }
    try {
      // Whoever hands the signal on to Node gets an AbortError of Node's.
      if (how === 'node') await sleep(20_000, undefined, { signal })
      for (;;) {
        assertNotInterrupted(signal, 'the update of acme/hello')
        await sleep(20)
      }
    } finally {
      io.stdout('undoing\n')
      if (how === 'slow') await sleep(20_000)
      io.stdout('undone\n')
    }
  })
  io.stdout('done\n')
} catch (error) {
  process.exitCode = reportError(error, [], io)
}
