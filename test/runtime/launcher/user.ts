// An ordinary caller of the launcher: run by root, a test becomes an unprivileged uid that nobody has, or a user made for it.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  cgroups,
  compartment,
  type Ended,
  encode,
  type Layer,
  launcherPath,
  parseReport,
  type Run,
  scratch,
  specification,
} from './launch.ts'

/** Nobody's uid. */
export const CALLER = 1879070000

export interface Outcome extends Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'> {
  readonly report: string
  readonly ended: Ended | undefined
}

type Fields = Record<string, string | number | undefined>

/** What a caller without cgroups leaves out. */
export const withoutCgroups = (): Fields => ({
  'cpu-permille': undefined,
  'io-bytes-per-second': undefined,
  ...Object.fromEntries(cgroups().fields.map(([key]) => [key, undefined])),
})

export function runAs(
  uid: number,
  set: Fields,
  weaker: readonly Layer[],
  program: string,
  { rights = [], ...rest }: Partial<Run> & { readonly rights?: readonly string[] } = {},
): Outcome {
  const there = compartment(program)
  const folder = scratch()
  spawnSync('chown', ['-R', `${uid}:${uid}`, there.root, there.data])
  if (set.uid !== uid) chownSync(there.data, Number(set.uid), Number(set.gid))
  const run = { in: there, data: true, weaker, ...rest, set: { mode: 'user', ...withoutCgroups(), ...set } }
  writeFileSync(join(folder, 'spec'), encode(specification(run)))
  writeFileSync(join(folder, 'report'), '')
  chmodSync(join(folder, 'report'), 0o666)
  copyFileSync(launcherPath(), join(folder, 'launch'))
  const result = spawnSync(
    'setpriv',
    [
      '--reuid',
      String(uid),
      '--regid',
      String(uid),
      '--clear-groups',
      ...rights,
      '/bin/sh',
      '-c',
      './launch 3<spec 4>report',
    ],
    { cwd: folder, encoding: 'utf8' },
  )
  const report = readFileSync(join(folder, 'report'), 'utf8')
  return { ...result, report, ended: parseReport(report).ended }
}

const hasHelpers = existsSync('/usr/bin/newuidmap') && existsSync('/usr/bin/newgidmap')
export const needsHelpers = hasHelpers ? false : 'no newuidmap and newgidmap (Debian: uidmap)'

let made: { readonly uid: number; readonly sub: number } | string | undefined

/** A throw-away user with subordinate ids, of this test file and gone with it; or the reason why there is none. */
export function subordinateUser(): { readonly uid: number; readonly sub: number } | string {
  made ??= makeUser()
  return made
}

function makeUser(): { uid: number; sub: number } | string {
  const name = `bulkhead-t${process.pid % 100000}`
  if (spawnSync('useradd', ['--no-create-home', name]).status !== 0) return 'cannot make a throw-away user'
  process.on('exit', () => void spawnSync('userdel', ['--force', name]))
  const uid = Number(spawnSync('id', ['-u', name], { encoding: 'utf8' }).stdout)
  const range = readFileSync('/etc/subuid', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
  return range ? { uid, sub: Number(range.split(':')[1]) } : 'useradd gave no subordinate ids'
}
