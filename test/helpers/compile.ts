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
  return kept([process.arch, flags, source], (scratch) => {
    writeFileSync(join(scratch, 'payload.c'), source)
    const stdio = ['ignore', 'ignore', 'pipe'] as const
    execFileSync(process.env.CC ?? 'cc', ['-o', 'payload', 'payload.c', ...flags], { cwd: scratch, stdio: [...stdio] })
  })
}

const GO_PATH = '/usr/share/gocode'

/** What Debian has of Go's libraries, in which these have to be; else what has to be installed. */
export function cannotCompileGo(...libraries: readonly (readonly [folder: string, debian: string])[]): string | false {
  const missing = [
    ...(may('/usr/bin/go', constants.X_OK) ? [] : ['golang-go']),
    ...libraries.flatMap(([folder, debian]) => (may(join(GO_PATH, 'src', folder), constants.R_OK) ? [] : [debian])),
  ]
  return missing.length > 0 && `no Go program can be built here: apt-get install ${missing.join(' ')}`
}

/**
 * The same for a Go program of one file, static, with the libraries that Debian has. The first time takes half a minute of two
 * processors: who wants it meanwhile waits, and builds nothing.
 */
export function compileGo(source: string): string {
  const version = execFileSync('/usr/bin/go', ['version'], { encoding: 'utf8' })
  return kept(['go', version, source], (scratch, target) => {
    writeFileSync(join(scratch, 'main.go'), source)
    const env = {
      PATH: '/usr/bin:/bin',
      HOME: scratch,
      GOCACHE: join(scratch, 'cache'),
      GOPATH: GO_PATH,
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
    }
    const build = 'if [ -x "$0" ]; then exec cp -p "$0" payload; else exec "$@"; fi'
    const go = ['/usr/bin/go', 'build', '-trimpath', '-ldflags=-s -w', '-o', 'payload', 'main.go']
    const args = [`${target}.lock`, 'sh', '-c', build, target, ...go]
    execFileSync('flock', args, { cwd: scratch, env, stdio: ['ignore', 'ignore', 'pipe'] })
  })
}

function kept(identity: unknown, build: (scratch: string, target: string) => void): string {
  const digest = createHash('sha256').update(JSON.stringify(identity)).digest('hex')
  const folder = isWritable(FIXTURES) ? FIXTURES : ownFolder()
  for (const one of [join(FIXTURES, digest), join(folder, digest)]) if (may(one, constants.X_OK)) return one

  const scratch = mkdtempSync(join(folder, '.compiling-'))
  try {
    build(scratch, join(folder, digest))
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
