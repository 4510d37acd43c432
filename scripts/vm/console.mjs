// The console of the machine: started, watched, and believed only when it says its verdict in so many words.

import { spawn } from 'node:child_process'

/**
 * @typedef {{ booted: boolean, interrupted: boolean, exit?: number, fault?: string, tests: Record<string, number>, failing: Set<string> }} Seen
 *
 * Runs the machine to its end and streams what it prints.
 * @returns {Promise<Seen>}
 *   `exit` is what the task inside ended with; `fault` says why there is none, and `booted` whether it came so far.
 */
export function watchMachine({ command, nonce, bootMs, silenceMs, timeoutMs, say, graceMs = 15_000 }) {
  return new Promise((settle) => {
    // A machine must not outlive the one who watches it, however that one ends.
    const machine = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    const seen = { booted: false, interrupted: false, exit: undefined, fault: undefined, tests: {}, failing: new Set() }
    const verdict = new RegExp(`^bulkhead-vm ${nonce} exit (\\d+)$`)
    let words = ''
    let pending = ''

    const give = (reason) => {
      seen.fault ??= reason
      machine.kill('SIGKILL')
    }
    const total = setTimeout(() => give(`cannot wait any longer: not done after ${timeoutMs / 1000} s`), timeoutMs)
    let silence = setTimeout(() => {}, 0)
    const heard = () => {
      clearTimeout(silence)
      silence = setTimeout(() => give(`cannot go on: the machine said nothing for ${silenceMs / 1000} s`), silenceMs)
    }
    const interrupted = () => {
      seen.interrupted = true
      give('cannot finish: interrupted')
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, interrupted)

    const boot = setTimeout(() => give(`cannot boot the machine: not up after ${bootMs / 1000} s`), bootMs)
    const take = (line) => {
      if (line === `bulkhead-vm ${nonce} up`) {
        seen.booted = true
        clearTimeout(boot)
        return
      }
      const said = verdict.exec(line)
      if (said) {
        seen.exit = Number(said[1])
        clearTimeout(silence)
        clearTimeout(total)
        // It has said all it had to say; a power-off that hangs changes nothing.
        setTimeout(() => machine.kill('SIGKILL'), graceMs).unref()
        return
      }
      const failed = /^test at (\S+\.test\.ts):\d+/.exec(line)
      if (failed) seen.failing.add(failed[1])
      const count = /^ℹ (tests|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line)
      if (count) seen.tests[count[1]] = Number(count[2])
      say(`${line}\n`)
    }

    heard()
    machine.stdout.setEncoding('utf8').on('data', (text) => {
      if (seen.exit === undefined) heard()
      const lines = (pending + text).split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) take(line.replace(/\r$/, ''))
    })
    machine.stderr.setEncoding('utf8').on('data', (text) => {
      words = (words + text).slice(-2000)
    })
    machine.on('error', (error) => give(`cannot start the machine: ${error.message}`))
    machine.on('close', () => {
      for (const timer of [boot, total, silence]) clearTimeout(timer)
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, interrupted)
      if (pending) take(pending)
      if (seen.exit === undefined)
        seen.fault ??= `cannot tell how it went: the machine ended without a verdict. ${words}`.trim()
      settle(seen)
    })
  })
}
