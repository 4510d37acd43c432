/** Requests to end this process, for as long as somebody takes care of them. */
export interface Interrupts {
  readonly signal: AbortSignal
  /** From then on a signal ends the process, as it does without this. */
  release(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What starts us (npx, a shell script) may send on what the terminal has sent already: two so close together are one. */
const ONE_REQUEST_MS = 100

export function processInterrupts(stderr: (text: string) => void): Interrupts {
  const end = new AbortController()
  let firstAtMs = 0
  const release = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
  const onSignal = (signal: NodeJS.Signals) => {
    const nowMs = performance.now()
    if (!end.signal.aborted) {
      firstAtMs = nowMs
      return end.abort(signal)
    }
    if (nowMs - firstAtMs < ONE_REQUEST_MS) return
    release()
    stderr('ended at once: the next command of plugins undoes the rest\n')
    process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return { signal: end.signal, release }
}
