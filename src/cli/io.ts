import { interrupted, UsageError } from '../index.ts'
import { type Interrupts, processInterrupts } from './interrupts.ts'
import { StatusLine } from './status-line.ts'

/** Where a command writes and what it may ask; handed in, so that a test can hand in its own. */
export interface Io {
  /** Data: the answer itself. */
  stdout(text: string | Uint8Array): void
  /** Everything else: progress, warnings, questions, errors. */
  stderr(text: string): void
  /** Asks a yes-or-no question, or `null` when there is no terminal to ask on. */
  confirm(question: string): Promise<boolean | null>
  /** Is there a terminal to ask on? */
  readonly canAsk?: boolean
  /** Asks for a secret without showing it, or `null` when there is no terminal. */
  secret(question: string): Promise<string | null>
  readonly columns: number
  /** Lines of the terminal that stdout is; `null` when it is none. */
  readonly rows: number | null
  /**
   * A line of the terminal that stderr is, shown in place of the one before, and gone as soon as anything else is written or
   * asked; `''` takes it away. Not there where stderr is no terminal that can do so.
   */
  readonly status?: ((line: string) => void) | undefined
  /** Columns of that terminal. */
  readonly statusColumns?: number | undefined
  /** Aborted by Ctrl-C, by a request to end, or when whoever read stdout went away: for what goes on until it is told. */
  ending(): AbortSignal
  /**
   * Aborted by Ctrl-C or a request to end, for a change that is to be undone then; at the second one the process ends at
   * once. `release` leaves signals as they were.
   */
  interrupts?(): Interrupts
}

export function processIo(): Io {
  const line = new StatusLine((text) => void guarded(process.stderr).write(text))
  const stderr = (text: string) => {
    line.clear()
    guarded(process.stderr).write(text)
  }
  return {
    stdout: (text) => {
      line.clear()
      guarded(process.stdout).write(text)
    },
    stderr,
    get status() {
      const canRewrite = process.stderr.isTTY === true && !['', 'dumb', undefined].includes(process.env.TERM)
      return canRewrite ? (text: string) => line.show(text) : undefined
    },
    get statusColumns() {
      return process.stderr.columns
    },
    get canAsk() {
      return process.stdin.isTTY === true && process.stderr.isTTY === true
    },
    confirm: async (question) => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      using _held = line.hold()
      const answer = await answerTo(`${question} [y/N] `, process.stderr)
      if (answer === null) process.stderr.write('\n')
      return /^y(es)?$/i.test(answer?.trim() ?? '')
    },
    secret: async (question) => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      using _held = line.hold()
      const { Writable } = await import('node:stream')
      process.stderr.write(`${question}: `)
      // readline echoes what is typed to its output: give it one that keeps nothing.
      const answer = await answerTo('', new Writable({ write: (_chunk, _encoding, done) => done() }))
      process.stderr.write('\n')
      if (answer !== null) return answer
      throw new UsageError('PASSPHRASE_NEEDED', 'cannot go on: no passphrase was given')
    },
    // Looked up when asked for: making the stream costs more than a run that prints nothing.
    get columns() {
      return process.stdout.columns ?? Number.POSITIVE_INFINITY
    },
    get rows() {
      return process.stdout.isTTY === true ? process.stdout.rows : null
    },
    ending: () => {
      const end = new AbortController()
      const abort = () => end.abort()
      // A second Ctrl-C ends the process at once, as it does without this.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, abort)
      guarded(process.stdout).once('error', abort)
      return end.signal
    },
    interrupts: () => processInterrupts(stderr),
  }
}

/**
 * A line typed on the terminal; `null` when it was ended with Ctrl-D instead, which is no bug and no yes.
 *
 * @throws PluginError `INTERRUPTED` at Ctrl-C
 */
async function answerTo(question: string, output: NodeJS.WritableStream): Promise<string | null> {
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output, terminal: true })
  try {
    return await terminal.question(question)
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error
    // Node tells the two apart in the message alone.
    if (!/Ctrl\+C/.test((error as Error).message)) return null
    process.stderr.write('\n')
    throw interrupted('this', error)
  } finally {
    terminal.close()
  }
}

/**
 * A reader that went away (`plugins list | head`) is not our failure, and changes no exit code; a full disk is one. A terminal
 * that went away (EIO) is no reason to leave a change half undone.
 */
function guarded(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (stream.listenerCount('error') > 0) return stream
  return stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || (error.code === 'EIO' && stream === process.stderr)) return
    if (stream !== process.stderr) process.stderr.write(`plugins: cannot write the answer: ${error.message}\n`)
    process.exit(1)
  })
}
