import { readFileSync } from 'node:fs'
import { IsolationError } from '../core/errors.ts'
import { type Caller, type Confined, holds } from './caller.ts'
import type { Mode } from './cgroups.ts'
import { findTool } from './host-tools.ts'
import { permit } from './remedies.ts'
import { makerOf } from './surroundings.ts'

/** Root that is confined does what an ordinary user does, but for the id of a plugin. */
export const modeOf = (caller: Caller): Mode => (caller.uid === 0 && caller.confined === undefined ? 'root' : 'user')

/** The host ids of one payload, and who writes them into its user namespace. */
export interface Ids {
  readonly mode: Mode
  readonly uid: number
  readonly gid: number
  readonly idmap: 'direct' | 'helper'
}

export interface IdRange {
  readonly first: number
  readonly count: number
}

/** What a rootless choice rests on. */
export interface SubordinateIds {
  readonly uids: IdRange | null
  readonly gids: IdRange | null
  /** newuidmap and newgidmap, or the one that is missing. */
  readonly missingHelper: 'newuidmap' | 'newgidmap' | null
}

/** subuid(5): `name-or-uid:first:count`. The largest range counts; each plugin needs one id of it. */
export function parseSubordinate(text: string, caller: Caller): IdRange | null {
  let best: IdRange | null = null
  for (const line of text.split('\n')) {
    const match = /^([^:#\s]+):(\d{1,10}):(\d{1,10})$/.exec(line.trim())
    if (!match || (match[1] !== caller.user && match[1] !== String(caller.uid))) continue
    const range = { first: Number(match[2]), count: Number(match[3]) }
    if (range.first < 1 || range.count < 1 || range.first + range.count > 2 ** 32 - 1) continue
    if (best === null || range.count > best.count) best = range
  }
  return best
}

/** `wanted`: the uid that this installation was given. */
export function planIds(caller: Caller, wanted: number, subordinate: SubordinateIds, weaker: readonly string[]): Ids {
  if (caller.uid === 0) {
    if (caller.confined) assertConfinedId(caller.confined, wanted)
    return { mode: modeOf(caller), uid: wanted, gid: wanted, idmap: 'direct' }
  }
  if (weaker.includes('uid')) return { mode: 'user', uid: caller.uid, gid: caller.gid, idmap: 'direct' }
  const { uids, gids, missingHelper } = subordinate
  if (caller.noNewPrivileges || missingHelper !== null || uids === null || gids === null) {
    throw new IsolationError(
      'SANDBOX_UNAVAILABLE',
      `cannot give the plugin a uid of its own: ${lackOf(caller, subordinate)}`,
      { hint: remedyOf(caller, subordinate), details: { layer: 'uid' } },
    )
  }
  const at = wanted - uids.first
  if (at < 0 || at >= Math.min(uids.count, gids.count)) {
    throw new IsolationError(
      'SANDBOX_UNAVAILABLE',
      `cannot give the plugin uid ${wanted}: ${caller.user} has ${uids.first} to ${uids.first + uids.count - 1} in /etc/subuid`,
      {
        hint: 'remove and install the plugin again: it is then given an id of the present range',
        details: { layer: 'uid' },
      },
    )
  }
  return { mode: 'user', uid: wanted, gid: gids.first + at, idmap: 'helper' }
}

/** The uids that installations are given: the operator's range for root, else the caller's own subordinate ids. */
export function uidRange(caller: Caller, configured: IdRange, subordinate: SubordinateIds): IdRange {
  const { uids, gids } = subordinate
  if (caller.confined && !holds(caller.confined.ids, configured)) return spareRange(caller.confined) ?? configured
  if (caller.uid === 0 || uids === null || gids === null) return configured
  return { first: uids.first, count: Math.min(uids.count, gids.count) }
}

/** Not even `--weaker uid` helps here: the caller's own id is root's. @throws IsolationError */
function assertConfinedId(confined: Confined, wanted: number): void {
  const lack = lackOfConfined(confined, wanted)
  if (lack === null) return
  throw new IsolationError('SANDBOX_UNAVAILABLE', `cannot give the plugin a uid of its own: ${lack.reason}`, {
    hint: lack.remedy,
    details: { layer: 'uid' },
  })
}

/** Why root of a container has no id for a plugin, or `null` when it has. */
export function lackOfConfined(
  confined: Confined,
  wanted?: number,
): { readonly reason: string; readonly remedy: string } | null {
  if (confined.missing.length > 0) {
    return {
      reason: `root here has no ${confined.missing.join(' and no ')}`,
      remedy: permit('setids', makerOf()),
    }
  }
  if (spareRange(confined) === null && !holds(confined.ids, { first: DEFAULT_FIRST, count: 1 })) {
    return {
      reason: 'the user namespace of this container has no ids to spare',
      remedy: 'start the container with a mapping of 65536 ids',
    }
  }
  if (wanted !== undefined && !holds(confined.ids, { first: wanted, count: 1 })) {
    return {
      reason: `uid ${wanted} is not in the user namespace of this container`,
      remedy: 'remove and install the plugin again: it is then given an id of the present range',
    }
  }
  return null
}

const DEFAULT_FIRST = 1_879_048_192
/** Below are people and services of the container, above are the ids of systemd's DynamicUser and `nobody`. */
const SPARE_FIRST = 32_768
const SPARE_END = 61_184

/** Where the usual range is not mapped (rootless engines, userns-remap, `hostUsers: false`): ids that nobody is given. */
export function spareRange({ ids }: Confined): IdRange | null {
  for (const { first, count } of ids) {
    const start = Math.max(first, SPARE_FIRST)
    const end = Math.min(first + count, SPARE_END)
    if (end > start) return { first: start, count: end - start }
  }
  return null
}

export function lackOf(caller: Caller, { uids, gids, missingHelper }: SubordinateIds): string {
  if (caller.noNewPrivileges) return 'no_new_privs is set here, so newuidmap cannot map an id'
  if (missingHelper !== null) return `there is no ${missingHelper} on this host`
  const files = [uids === null ? '/etc/subuid' : null, gids === null ? '/etc/subgid' : null].filter(Boolean)
  return `${files.join(' and ')} list nothing for ${caller.user}`
}

export function remedyOf(caller: Caller, { missingHelper }: SubordinateIds): string {
  if (caller.noNewPrivileges) return permit('privileges', makerOf())
  if (missingHelper !== null) return 'sudo apt-get install uidmap, or run with --weaker uid'
  return `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${caller.user}, or run with --weaker uid`
}

/** Reads what `planIds` needs. Root needs nothing of it. */
export function surveyIds(caller: Caller): SubordinateIds {
  if (caller.uid === 0) return { uids: null, gids: null, missingHelper: null }
  const missingHelper = (['newuidmap', 'newgidmap'] as const).find((tool) => findTool(tool) === null)
  return {
    uids: parseSubordinate(read('/etc/subuid'), caller),
    gids: parseSubordinate(read('/etc/subgid'), caller),
    missingHelper: missingHelper ?? null,
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
