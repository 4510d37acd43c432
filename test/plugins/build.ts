import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const checkout = resolve(import.meta.dirname, '../..')
const made: string[] = []

process.once('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})

/** Builds a reference plugin as its README says, into a folder of its own that goes away with the test. */
export function build(plugin: string): string {
  const folder = mkdtempSync(join(tmpdir(), `bulkhead-${plugin}-`))
  made.push(folder)
  const out = join(folder, 'built')
  const built = runBuild(`plugins/${plugin}`, out)
  if (built.status !== 0) throw new Error(built.stderr)
  return out
}

export function runBuild(from: string, to: string): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, ['plugins/build.mjs', from, to], { cwd: checkout, encoding: 'utf8' })
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of a built plugin bare, with no sandbox around it. */
export function run(command: string, args: readonly string[], input: string | Buffer): Ran {
  const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, env, maxBuffer: 2 ** 28 })
  // A program that ends before it has read all of its input is no failure of the test.
  if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  return { code: status, stdout: stdout.toString(), stderr: stderr.toString() }
}
