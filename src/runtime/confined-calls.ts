import { IsolationError } from '../core/errors.ts'
import type { Caller } from './caller.ts'
import { spawn } from './host-tools.ts'
import { findLauncher } from './launcher-binary.ts'
import { explain } from './remedies.ts'
import { surveySurroundings } from './surroundings.ts'

/** What no run can do without, in the order in which it is met; the layer is the one that it builds. */
const NEEDED = [
  ['user-namespace', ['clone', 'clone3']],
  [
    'mount-namespace',
    ['mount', 'umount2', 'open_tree', 'mount_setattr', 'fsopen', 'fsconfig', 'fsmount', 'move_mount', 'pivot_root'],
  ],
] as const

/** The line of the probe that names the calls a filter of somebody else refuses. */
export function parseFiltered(text: string): string[] {
  const line = text.split('\n').find((one) => one.startsWith('{"filtered":'))
  const { filtered } = JSON.parse(line ?? '{}') as { filtered?: unknown }
  return Array.isArray(filtered) ? filtered.filter((name) => typeof name === 'string') : []
}

/**
 * In a container: says which permission is missing before the launcher says which call failed. It asks the launcher, some
 * 3 ms, only where a seccomp filter is in force already.
 *
 * @throws IsolationError `SANDBOX_UNAVAILABLE` with the cause and the remedy that `plugins doctor` gives
 */
export function assertCallsAllowed(name: string, caller: Caller): void {
  if (!caller.filtered) return
  const refusedCalls = parseFiltered(spawn(findLauncher(), ['--filtered']).stdout)
  if (refusedCalls.length === 0) return
  const around = surveySurroundings()
  for (const [layer, calls] of NEEDED) {
    if (!calls.some((call) => refusedCalls.includes(call))) continue
    const { cause, remedy } = explain({ layer, errno: '', refusedCalls, root: caller.uid === 0 }, around)
    throw new IsolationError('SANDBOX_UNAVAILABLE', `cannot run ${name}: ${cause}`, {
      hint: remedy,
      details: { layer },
    })
  }
}
