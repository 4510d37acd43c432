import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { IdRange } from './ids.ts'

/** Who runs Bulkhead: handed in, so that a test can be anybody. */
export interface Caller {
  readonly uid: number
  readonly gid: number
  /** Login name, for /etc/subuid. */
  readonly user: string
  /** Root that may not do what root may, as in a container; absent for everybody else. */
  readonly confined?: Confined
  /** A seccomp filter of somebody else is in force: a container's, or a service manager's. */
  readonly filtered?: boolean
  /** CAP_SYS_ADMIN is not in the bounding set: no program that an ordinary user starts will have it. */
  readonly bounded?: boolean
  /** no_new_privs is set: then no helper gains the right to map ids. */
  readonly noNewPrivileges?: boolean
}

export interface Confined {
  /** The ids there are in this user namespace. */
  readonly ids: readonly IdRange[]
  /** Capabilities that giving a plugin an id of its own needs, and that are not there. */
  readonly missing: readonly string[]
}

/** The process that asks. Reads one small file, or two for root: this is on the way of every run. */
export function surveyCaller(): Caller {
  const uid = process.geteuid?.() ?? 0
  const gid = process.getegid?.() ?? 0
  const status = readFileSync('/proc/self/status', 'utf8')
  const filtered = /^Seccomp:\s*2$/m.test(status)
  const noNewPrivileges = /^NoNewPrivs:\s*1$/m.test(status)
  if (uid !== 0)
    return { uid, gid, user: nameOf(uid), filtered, noNewPrivileges, bounded: !holder(status, 'CapBnd')(SYS_ADMIN) }
  const uidMap = readFileSync('/proc/self/uid_map', 'utf8')
  const confined = confinementOf({ status, uidMap, gidMap: () => readFileSync('/proc/self/gid_map', 'utf8') })
  return { uid, gid, user: 'root', filtered, ...(confined && { confined }) }
}

/** `docker run --user 1000` is a uid that no passwd file knows. */
function nameOf(uid: number): string {
  try {
    return userInfo().username
  } catch {
    return String(uid)
  }
}

const SETGID = 6
const SETUID = 7
const SYS_ADMIN = 21
const MKNOD = 27

/**
 * Root of the host, or of `docker run --privileged`, mounts and makes device nodes before the plugin's user namespace is
 * there. Root without the rights to that, or in a user namespace, whose root never has them, does as an ordinary user
 * does: everything inside. It needs no helper for the plugin's id, if it may set ids.
 */
export function confinementOf(facts: {
  readonly status: string
  readonly uidMap: string
  readonly gidMap: () => string
}): Confined | null {
  const may = holder(facts.status, 'CapEff')
  const uids = parseIdMap(facts.uidMap)
  if (may(SYS_ADMIN) && may(MKNOD) && isInitial(uids)) return null
  return {
    ids: isInitial(uids) ? uids : meet(uids, parseIdMap(facts.gidMap())),
    missing: [...(may(SETUID) ? [] : ['CAP_SETUID']), ...(may(SETGID) ? [] : ['CAP_SETGID'])],
  }
}

/** Is a capability in this set of /proc/PID/status? */
function holder(status: string, set: 'CapEff' | 'CapBnd'): (capability: number) => boolean {
  const held = BigInt(`0x${new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  return (capability) => (held & (1n << BigInt(capability))) !== 0n
}

/** /proc/PID/uid_map: the ids inside of each line. */
export function parseIdMap(text: string): IdRange[] {
  return [...text.matchAll(/^\s*(\d+)\s+\d+\s+(\d+)\s*$/gm)].map((line) => ({
    first: Number(line[1]),
    count: Number(line[2]),
  }))
}

/** Only the kernel's first user namespace has every id. */
const isInitial = (ids: readonly IdRange[]): boolean => ids.length === 1 && ids[0]?.count === 2 ** 32 - 1

/** What both have: a plugin's uid and gid are one number. */
function meet(one: readonly IdRange[], other: readonly IdRange[]): IdRange[] {
  return one.flatMap((a) =>
    other.flatMap((b) => {
      const first = Math.max(a.first, b.first)
      const count = Math.min(a.first + a.count, b.first + b.count) - first
      return count > 0 ? [{ first, count }] : []
    }),
  )
}

/** Does a range lie within one line of a map? */
export const holds = (ids: readonly IdRange[], { first, count }: IdRange): boolean =>
  ids.some((range) => first >= range.first && first + count <= range.first + range.count)
