import { statSync } from 'node:fs'
import { IsolationError } from '../core/errors.ts'
import type { Caller } from './caller.ts'
import { findTool, spawn } from './host-tools.ts'
import type { Ids } from './ids.ts'
import { findLauncher } from './launcher-binary.ts'

/** Why newuidmap and newgidmap, though they are there, give no id, and what changes it; `null` when they do. */
export interface HelperLack {
  readonly reason: string
  readonly remedy: string
}

/** Tried for real, in a throw-away user namespace: 5 ms. */
export function tryHelpers(
  { uid, gid }: Pick<Ids, 'uid' | 'gid'>,
  caller: Caller,
  launcher: string = findLauncher(),
): HelperLack | null {
  const { status, stderr } = spawn(launcher, ['--ids', String(uid), String(gid)])
  // Without user namespaces there is nothing to map into, which is another layer's lack.
  if (status === 0 || stderr.startsWith('cannot make a new user-namespace')) return null
  if (caller.bounded && isSetuid('newuidmap')) {
    return {
      reason: 'newuidmap is set-user-id, and such a program needs CAP_SYS_ADMIN to map an id, which nobody has here',
      remedy:
        'in the image, as root: chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap && setcap cap_setuid=ep /usr/bin/newuidmap && setcap cap_setgid=ep /usr/bin/newgidmap',
    }
  }
  return {
    reason: stderr.trim().split('\n')[0] || 'newuidmap cannot be run',
    remedy: 'plugins doctor names what else is missing; /etc/subuid and /etc/subgid list the ids',
  }
}

/**
 * Where CAP_SYS_ADMIN is out of everybody's reach, as in a container, helpers that are there may still be of no use.
 *
 * @throws IsolationError `SANDBOX_UNAVAILABLE` with the words of `plugins doctor`
 */
export function assertHelpersMap(ids: Ids, caller: Caller): void {
  if (ids.idmap !== 'helper' || !caller.bounded) return
  const lack = tryHelpers(ids, caller)
  if (lack === null) return
  throw new IsolationError('SANDBOX_UNAVAILABLE', `cannot give the plugin a uid of its own: ${lack.reason}`, {
    hint: lack.remedy,
    details: { layer: 'uid' },
  })
}

function isSetuid(tool: 'newuidmap'): boolean {
  const path = findTool(tool)
  return path !== null && (statSync(path).mode & 0o4000) !== 0
}
