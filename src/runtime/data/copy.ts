import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import { findLauncher } from '../launcher-binary.ts'

/** A copy as the launcher makes it (SPEC.md, "Copies"): of a file, or of a tree that a plugin has made. */
export interface CopyRequest {
  readonly from: string
  /** Not there yet, or an empty folder. */
  readonly into: string
  /** What cannot be done without it: `keep /data of acme/hello`. */
  readonly purpose: string
  /** Whose files they are, where an ordinary user may not look into them. */
  readonly as?: { readonly uid: number; readonly gid: number } | null
  /** A mounted file system that is to stand still meanwhile: that of the image which is copied. */
  readonly frozen?: string | null
}

/** Nothing that fits a disk takes longer, unless the disk is failing. */
const COPY_MS = 3_600_000

/** @returns bytes in use by what was copied */
export async function copy(request: CopyRequest): Promise<number> {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn(findLauncher(), argumentsOf(request), { ...BOUND, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] = `${said[name]}${text}`.slice(0, 4096)
    })
  }
  const { promise, resolve } = Promise.withResolvers<Ended>()
  child.on('error', (error) => resolve({ status: null, signal: null, error }))
  child.on('close', (status, signal) => resolve({ status, signal }))
  return bytesOf(request, { ...(await promise), ...said })
}

/** The same while nobody else may do anything, not even this process. */
export function copyAtOnce(request: CopyRequest): number {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  const { status, signal, error, stdout, stderr } = spawnSync(findLauncher(), argumentsOf(request), {
    ...BOUND,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 20,
  })
  return bytesOf(request, { status, signal, stdout, stderr, ...(error && { error }) })
}

/** One takes the other's place and the other way round, in one step. `false`: the file system has no such step. */
export function exchange(one: string, other: string): boolean {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  return spawnSync(findLauncher(), ['--exchange', one, other], { env: {}, stdio: 'ignore' }).status === 0
}

interface Ended {
  readonly status: number | null
  readonly signal: string | null
  readonly error?: Error
}

const BOUND = { env: {}, timeout: COPY_MS }

function argumentsOf({ from, into, as = null, frozen = null }: CopyRequest): string[] {
  const ids = as === null ? [] : ['--as', `${as.uid}`, `${as.gid}`]
  return ['--copy', from, into, `${roomFor(into)}`, ...ids, ...(frozen === null ? [] : ['--frozen', frozen])]
}

const RESERVE_BYTES = 256 * 2 ** 20

/** What may be written there: the rest of the host goes on, and its disk is not to be full. */
function roomFor(into: string): number {
  const { bsize, blocks, bavail } = statfsSync(dirname(into))
  const reserve = Math.min(RESERVE_BYTES, Math.floor((bsize * blocks) / 50))
  return Math.min(Math.max(bsize * bavail - reserve, 0), 2 ** 53 - 1)
}

function bytesOf(request: CopyRequest, ended: Ended & { readonly stdout: string; readonly stderr: string }): number {
  if (ended.status === 0) return (JSON.parse(ended.stdout) as { bytes: number }).bytes
  const said = ended.stderr.trim().replace(/^plugins: /, '')
  const why = ended.error?.message ?? (said || (ended.signal ?? `exit ${ended.status}`))
  throw new StoreError('DISK_FAILED', `cannot ${request.purpose}: ${printable(why, 300)}`, {
    ...(ended.error && { cause: ended.error }),
    hint: 'df shows what is free where the home of Bulkhead lies',
  })
}
