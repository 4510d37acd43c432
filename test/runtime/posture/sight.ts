// What anybody on the host can see of a process, in words that are the same on every host.

import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Everything about one process; a fact that is not listed here is not looked at, a name that is new is. */
export interface Posture {
  readonly uid: string
  readonly gid: string
  readonly groups: string
  /** Inheritable, permitted, effective, bounding, ambient. */
  readonly capabilities: readonly string[]
  readonly noNewPrivs: string
  readonly seccomp: string
  readonly coreDumping: string
  readonly umask: string
  readonly threads: number
  /** The ids it has in each pid namespace, the host's first left out. */
  readonly pids: readonly string[]
  readonly namespaces: Readonly<Record<string, string>>
  readonly descriptors: readonly string[]
  readonly cwd: string
  readonly root: string
  readonly session: string
  readonly group: string
  readonly terminal: string
  readonly limits: Readonly<Record<string, string>>
  readonly oomScoreAdj: string
  /** Who owns its files in /proc: 0 for what nobody may look into. */
  readonly owner: number
  readonly environment: readonly string[]
  readonly executable: string
  readonly personality: string
}

const read = (path: string): string => readFileSync(path, 'utf8')

export function postureOf(pid: number): Posture {
  const at = `/proc/${pid}`
  const status = statusOf(at)
  const tasks = readdirSync(join(at, 'task'))
  for (const task of tasks) assertSameAs(at, join(at, 'task', task), status)
  const stat = read(join(at, 'stat'))
    .replace(/^.*\) /s, '')
    .split(' ')
  const [, , group, session, terminal] = stat
  const own = (id: string | undefined): string => (id === String(pid) ? 'own' : id === '0' ? 'none' : `of ${id}`)
  const of = (key: string): string => status.get(key) ?? 'not told'
  return {
    uid: of('Uid'),
    gid: of('Gid'),
    groups: of('Groups'),
    capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(of),
    noNewPrivs: of('NoNewPrivs'),
    seccomp: `mode ${of('Seccomp')}, ${of('Seccomp_filters')} filters`,
    coreDumping: of('CoreDumping'),
    umask: of('Umask'),
    threads: tasks.length,
    pids: of('NSpid').split('\t').slice(1),
    namespaces: namespacesOf(at),
    descriptors: descriptorsOf(at),
    cwd: readlinkSync(join(at, 'cwd')),
    root: readlinkSync(join(at, 'root')),
    session: own(session),
    group: own(group),
    terminal: own(terminal),
    limits: limitsOf(at),
    oomScoreAdj: read(join(at, 'oom_score_adj')).trim(),
    owner: lstatSync(join(at, 'environ')).uid,
    environment: read(join(at, 'environ'))
      .split('\0')
      .filter((entry) => entry !== '')
      .map((entry) => entry.replace(/=.*/s, '')),
    executable: readlinkSync(join(at, 'exe')),
    personality: read(join(at, 'personality')).trim(),
  }
}

export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`)
      .split(' ')
      .filter((child) => child.trim() !== '')
      .map(Number),
  )
}

/** File systems that the launcher makes; all others are parts of the host's. */
const MADE = ['/dev', '/proc', '/tmp']

/** `target type options` of each mount, with what differs from host to host left out: times, sources and their options. */
export function mountsOf(pid: number): string[] {
  return read(`/proc/${pid}/mountinfo`)
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , , , target = '', flags = '', ...shared] = before.split(' ')
      const [type = '', , special = ''] = after.split(' ')
      const kept = flags.split(',').filter((flag) => !/atime$/.test(flag))
      const own = MADE.includes(target) ? ` ${type} ${ownOptions(type, special)}` : ''
      return `${target} ${[...kept, ...shared].join(',')}${own}`
    })
    .sort()
}

function ownOptions(type: string, special: string): string {
  const told = type === 'proc' ? /^(hidepid|subset)=/ : /^(size|nr_inodes|mode)=/
  return special
    .split(',')
    .filter((option) => told.test(option))
    .sort()
    .join(',')
}

function statusOf(at: string): Map<string, string> {
  return new Map(
    read(join(at, 'status'))
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const),
  )
}

const OF_EVERY_THREAD = [
  'Uid',
  'Gid',
  'Groups',
  'NoNewPrivs',
  'Seccomp',
  'Seccomp_filters',
  'CapInh',
  'CapPrm',
  'CapEff',
  'CapBnd',
  'CapAmb',
]

function assertSameAs(process: string, thread: string, expected: ReadonlyMap<string, string>): void {
  const status = statusOf(thread)
  for (const key of OF_EVERY_THREAD)
    if (status.get(key) !== expected.get(key)) throw new Error(`${thread}: ${key} is ${status.get(key)}`)
  const [one, other] = [namespacesOf(thread), namespacesOf(process)]
  if (JSON.stringify(one) !== JSON.stringify(other)) throw new Error(`${thread} is in other namespaces`)
}

/** Each kind of namespace the kernel has, those it does not know yet included: the looker's own, or another. */
function namespacesOf(at: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(at, 'ns'))
      .sort()
      .map((kind) => [kind, linkOf(join(at, 'ns', kind)) === linkOf(`/proc/self/ns/${kind}`) ? 'host' : 'own']),
  )
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return 'none' // pid_for_children of a process that has none yet
  }
}

const ACCESS = ['r', 'w', 'rw']
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000

/** `number class access`, for instance `0 pipe r`; paths are those of the process itself. */
function descriptorsOf(at: string): string[] {
  return readdirSync(join(at, 'fd'))
    .sort((one, other) => Number(one) - Number(other))
    .map((fd) => {
      const info = read(join(at, 'fdinfo', fd))
      const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8)
      const what = readlinkSync(join(at, 'fd', fd))
        .replace(/:\[\d+\]$/, '')
        .replace(/^anon_inode:/, '')
      const access = flags & O_PATH ? 'path' : ACCESS[flags & 3]
      return `${fd} ${what} ${access}${flags & O_CLOEXEC ? '' : ' inherited'}`
    })
}

function limitsOf(at: string): Record<string, string> {
  return Object.fromEntries(
    read(join(at, 'limits'))
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [, name = '', soft, hard] = /^(.*?)\s{2,}(\S+)\s+(\S+)/.exec(line) ?? []
        return [name.trim(), soft === hard ? String(soft) : `${soft} to ${hard}`]
      }),
  )
}
