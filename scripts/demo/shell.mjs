import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from './stage.mjs'

const CLI = join(checkout, 'src', 'cli', 'bin.cjs')
const PATIENCE_MS = 60_000

/** Types commands on the stage, shows them and what they answer, and holds them to what is expected. */
export class Shell {
  #stage
  #screen
  #score
  #ends = new Set()
  #interrupted = false

  constructor(stage, screen, score) {
    this.#stage = stage
    this.#screen = screen
    this.#score = score
  }

  /**
   * `plugins ARGS`, run by the built command line.
   *
   * @param expected `exit`: its exit code (0), or one of several; `says`: what it must print, each a string or a pattern; `input`: a file
   *   for its standard input; `shown`: what to show in place of all its output
   */
  plugins(args, expected = {}) {
    return this.#type('plugins', [process.execPath, CLI, ...args], args, expected)
  }

  node(args, expected = {}) {
    return this.#type('node', [process.execPath, ...args], args, expected)
  }

  /** How a program starts the command line without a shell: for an MCP client. */
  get server() {
    return { command: process.execPath, cli: CLI, env: this.#stage.env, cwd: this.#stage.folder }
  }

  /** While something runs, `end` is how it is ended early; the function answered says that it has ended. */
  runs(end) {
    this.#ends.add(end)
    return () => this.#ends.delete(end)
  }

  /** Ends what runs now, and waits until it has. */
  async interrupt() {
    this.#interrupted = true
    await Promise.all([...this.#ends].map((end) => end()))
  }

  /** Whoever interrupted is about to leave: nothing may be concluded from what was cut short, so never goes on. */
  async stopIfInterrupted() {
    if (this.#interrupted) await new Promise(() => {})
  }

  async #type(name, [file, ...args], shown, { exit = 0, says = [], input, shown: instead }) {
    const typed = `${[name, ...shown].map(quote).join(' ')}${input === undefined ? '' : ` < ${quote(input)}`}`
    this.#screen.command(typed)
    const started = performance.now()
    const { code, stdout, output } = await this.#run(file, args, input)
    await this.stopIfInterrupted()
    const seconds = (performance.now() - started) / 1000
    if (instead === undefined) this.#screen.output(output)
    else this.#screen.show(instead)
    if (code !== 0) this.#screen.show(`(exit code ${code})`)

    const exits = [exit].flat()
    this.#score.expect(
      exits.includes(code),
      `\`${typed}\` ended with exit code ${code}, expected ${exits.join(' or ')}`,
    )
    for (const part of [says].flat()) {
      const said = part instanceof RegExp ? part.test(output) : output.includes(part)
      this.#score.expect(said, `\`${typed}\` did not print ${part}`)
    }
    return { code, stdout, output, seconds }
  }

  async #run(file, args, input) {
    const stdin = input === undefined ? 'ignore' : openSync(this.#stage.path(input), 'r')
    const child = spawn(file, args, {
      cwd: this.#stage.folder,
      env: this.#stage.env,
      stdio: [stdin, 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    })
    if (stdin !== 'ignore') closeSync(stdin)
    const closed = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, signal) => resolve(status ?? signal))
    })
    const ended = this.runs(async () => {
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), 5_000).unref()
      await closed
    })
    let stdout = ''
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    const code = await closed
    ended()
    return { code, stdout, output }
  }
}

/** As a shell would need it. */
const quote = (word) => (/^[\w@%+=:,./<>-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
