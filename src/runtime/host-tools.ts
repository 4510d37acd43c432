import type { SpawnSyncReturns } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { ErrorCode } from '../core/error-codes.ts'
import { IsolationError } from '../core/errors.ts'

/** Programs of the host that Bulkhead may run, and the Debian package that brings each. Never found through a PATH. */
const PACKAGES = {
  'mkfs.ext4': 'e2fsprogs',
  debugfs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  resize2fs: 'e2fsprogs',
  tune2fs: 'e2fsprogs',
  mount: 'mount',
  umount: 'mount',
  losetup: 'mount',
  fuse2fs: 'fuse2fs',
  fusermount: 'fuse3',
  newuidmap: 'uidmap',
  newgidmap: 'uidmap',
  logger: 'bsdutils',
  sync: 'coreutils',
} as const
export type HostTool = keyof typeof PACKAGES

const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']

export function findTool(tool: HostTool): string | null {
  for (const folder of FOLDERS) if (existsSync(`${folder}/${tool}`)) return `${folder}/${tool}`
  return null
}

export const packageOfTool = (tool: HostTool): string => PACKAGES[tool]

/** Runs a host program to its end. `ok`: exit codes that are no failure (e2fsck says 1 when it repaired something). */
export function runTool(
  tool: HostTool,
  args: readonly string[],
  to: { readonly purpose: string; readonly code: ErrorCode; readonly ok?: readonly number[] },
): string {
  const path = findTool(tool)
  if (path === null) {
    throw new IsolationError(to.code, `cannot ${to.purpose}: there is no ${tool} on this host`, {
      hint: `apt-get install ${PACKAGES[tool]}`,
    })
  }
  const { status, signal, error, stdout, stderr } = spawn(path, args)
  if (status !== null && (status === 0 || to.ok?.includes(status))) return stdout
  const why = error?.message ?? (stderr.trim().split('\n').at(-1) || (signal ?? `exit ${status}`))
  throw new IsolationError(to.code, `cannot ${to.purpose}: ${tool}: ${why}`, error ? { cause: error } : {})
}

/** No shell, no inherited environment, no standard input; bounded in time and output. */
export function spawn(path: string, args: readonly string[]): SpawnSyncReturns<string> {
  // Only asked for when a program has to be run: loading child_process costs a run more than all its planning.
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  return spawnSync(path, args, {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    maxBuffer: 2 ** 20,
  })
}
