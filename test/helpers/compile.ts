import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * Compiles a C program for a test and gives the path of the binary. The source has to be whole: an `#include` of a file of
 * the checkout would make another program of it in each place.
 *
 * Each is compiled once and kept by its digest, in BULKHEAD_TEST_FIXTURES or below node_modules/.cache. The emulated
 * machine of `npm run test:vm`, where a compiler takes a quarter of a minute, takes that folder along.
 */
export function compileNow(source: string, ...flags: readonly string[]): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([process.arch, flags, source]))
    .digest('hex')
  const folder = isWritable(FIXTURES) ? FIXTURES : ownFolder()
  for (const kept of [join(FIXTURES, digest), join(folder, digest)]) if (may(kept, constants.X_OK)) return kept

  const scratch = mkdtempSync(join(folder, '.compiling-'))
  try {
    writeFileSync(join(scratch, 'payload.c'), source)
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    execFileSync(process.env.CC ?? 'cc', ['-o', 'payload', 'payload.c', ...flags], { cwd: scratch, stdio: [...stdio] })
    // Two test files may want the same payload at once: the last rename wins, and both are whole.
    renameSync(join(scratch, 'payload'), join(folder, digest))
    return join(folder, digest)
  } catch (error) {
    throw new Error(sentence(error, digest), { cause: error })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The same with the flags that most payloads want. */
export async function compile(source: string, options: { static?: boolean } = {}): Promise<string> {
  return compileNow(source, '-std=gnu17', '-O1', '-pthread', ...(options.static ? ['-static'] : []))
}

const FIXTURES = resolve(
  process.env.BULKHEAD_TEST_FIXTURES ?? join(import.meta.dirname, '../../node_modules/.cache/bulkhead-fixtures'),
)

// An ordinary user may be testing in root's checkout. The folder is per process: a shared name in /tmp could be anyone's.
let own: string | undefined
function ownFolder(): string {
  if (own !== undefined) return own
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-fixtures-'))
  chmodSync(folder, 0o755) // a payload is often run as somebody else
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  own = folder
  return folder
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true })
  } catch {
    return false
  }
  return may(folder, constants.W_OK)
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

function sentence(error: unknown, digest: string): string {
  const { code, stderr } = error as { code?: unknown; stderr?: Buffer }
  if (code !== 'ENOENT') return `cannot compile a test's payload: ${stderr?.toString() || String(error)}`
  return (
    `cannot compile a test's payload: there is no C compiler, and no ${digest} in ${FIXTURES}; ` +
    'run the same tests once where there is one (npm test), which keeps their payloads there'
  )
}
