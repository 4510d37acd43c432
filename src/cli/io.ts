/** Where a command writes and what it may ask; handed in, so that a test can hand in its own. */
export interface Io {
  /** Data: the answer itself. */
  stdout(text: string): void
  /** Everything else: progress, warnings, questions, errors. */
  stderr(text: string): void
  /** Asks a yes-or-no question, or `null` when there is no terminal to ask on. */
  confirm(question: string): Promise<boolean | null>
  /** Asks for a secret without showing it, or `null` when there is no terminal. */
  secret(question: string): Promise<string | null>
  readonly columns: number
}

export function processIo(): Io {
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    confirm: async (question) => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      const { createInterface } = await import('node:readline/promises')
      const terminal = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
      } finally {
        terminal.close()
      }
    },
    secret: async (question) => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      const { createInterface } = await import('node:readline/promises')
      const { Writable } = await import('node:stream')
      process.stderr.write(`${question}: `)
      // readline echoes what is typed to its output: give it one that keeps nothing.
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
      const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
      try {
        return await terminal.question('')
      } finally {
        terminal.close()
        process.stderr.write('\n')
      }
    },
    // Looked up when asked for: making the stream costs more than a run that prints nothing.
    get columns() {
      return process.stdout.columns ?? Number.POSITIVE_INFINITY
    },
  }
}
