import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { Layout } from '../../src/core/layout.ts'
import { type Authority, authority, type ReleaseSpec } from '../helpers/authority.ts'
import { trust, writeRelease } from '../manager/household.ts'

const checkout = resolve(import.meta.dirname, '../..')
export const BIN = join(checkout, 'src/cli/bin.cjs')

if (!existsSync(join(checkout, 'dist/js/cli.js'))) throw new Error('the command is not built: npm run build')

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Shell {
  readonly folder: string
  readonly layout: Layout
  readonly publisher: Authority
  /** Runs `plugins ARGS` on the home of this test, without a terminal. */
  plugins(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Ran
  /** The one JSON document that `plugins --json ARGS` prints, and the exit code. */
  json(args: readonly string[]): { code: number | null; value: never; stderr: string }
  publish(spec?: ReleaseSpec): string
}

export async function shell(context: TestContext): Promise<Shell> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-cli-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const layout = new Layout(join(folder, 'home'))
  mkdirSync(layout.home, { mode: 0o700 })
  const publisher = await authority()
  await trust(layout, publisher)
  let count = 0
  const own: Shell = {
    folder,
    layout,
    publisher,
    plugins(args, { input = '', env = {} } = {}) {
      const ran: SpawnSyncReturns<string> = spawnSync(process.execPath, [BIN, ...args], {
        cwd: folder,
        input,
        encoding: 'utf8',
        env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: layout.home, ...env },
      })
      return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr }
    },
    json(args) {
      const { code, stdout, stderr } = own.plugins(['--json', ...args])
      return { code, value: JSON.parse(stdout) as never, stderr }
    },
    publish(spec = {}) {
      const { tarball, bundle } = publisher.publish(spec)
      return writeRelease(join(folder, `dist-${count++}`), tarball, bundle)
    },
  }
  return own
}

/**
 * The command on a real pseudo-terminal: what was shown, and the exit code. Each answer is typed when a question waits
 * for it; `\u0003` is Ctrl-C, `\u0004` Ctrl-D.
 */
export async function onTerminal(
  own: Shell,
  line: string,
  answers: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string }> {
  // A shell reads it, and the checkout may lie in a folder with a blank in its name.
  const command = `'${process.execPath}' '${BIN}' ${line}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: own.folder,
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home, TERM: 'xterm', ...env },
  })
  const left = [...answers]
  let stdout = ''
  let answered = 0
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    if (!/(?:\[y\/N\]|phrase|Again):? (?:\u001b\[\d+G)?$/.test(stdout) || stdout.length === answered) return
    answered = stdout.length
    const answer = left.shift()
    if (answer !== undefined)
      setTimeout(() => child.stdin.write('\u0003\u0004'.includes(answer) && answer !== '' ? answer : `${answer}\r`), 50)
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  return { code, stdout }
}
