// File systems with project quotas, on loop devices, for tests of /data.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const KINDS = {
  ext4: { make: ['/usr/sbin/mkfs.ext4', '-q', '-O', 'quota,project'], option: 'prjquota', debian: 'e2fsprogs' },
  xfs: { make: ['/usr/sbin/mkfs.xfs', '-q', '-f'], option: 'pquota', debian: 'xfsprogs' },
} as const
export type Kind = keyof typeof KINDS
export const KIND_NAMES = Object.keys(KINDS) as Kind[]

interface Made {
  /** Where it is mounted. */
  readonly top: string
  /** For `test`'s `skip`. */
  readonly skip: string | false
}

const made = new Map<string, Made>()
const base = mkdtempSync(join(tmpdir(), 'bulkhead-quota-'))
chmodSync(base, 0o755)
process.on('exit', () => {
  for (const { top, skip } of made.values()) if (skip === false) spawnSync('umount', [top])
  rmSync(base, { recursive: true, force: true })
})

/** One of each per test file; `enforced: false`: the same, mounted without quotas. */
export function fileSystem(kind: Kind, { enforced = true } = {}): Made {
  const key = `${kind}-${enforced}`
  const known = made.get(key)
  if (known) return known
  const fresh = make(kind, join(base, key), enforced)
  made.set(key, fresh)
  return fresh
}

function make(kind: Kind, top: string, enforced: boolean): Made {
  const { make: command, option, debian } = KINDS[kind]
  const no = (skip: string): Made => ({ top, skip })
  if (process.geteuid?.() !== 0) return no('not root: no file system can be mounted')
  if (!existsSync('/dev/loop-control')) return no('there are no loop devices on this host')
  const [program, ...args] = command
  if (!existsSync(program)) return no(`there is no ${program} (Debian: ${debian})`)
  mkdirSync(top)
  // XFS takes nothing smaller than 300 MB. Both are sparse.
  execFileSync('truncate', ['-s', '400M', `${top}.img`])
  execFileSync(program, [...args, `${top}.img`])
  const options = enforced ? `loop,${option}` : 'loop'
  const mounted = spawnSync('mount', ['-t', kind, '-o', options, `${top}.img`, top], { encoding: 'utf8' })
  if (mounted.status !== 0) return no(`this kernel has no project quotas for ${kind}: mount -o ${options} is refused`)
  // The home of a user lies here, too.
  chmodSync(top, 0o755)
  return { top, skip: false }
}
