// The probe tries every layer, in the same words as `weaker`.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isRoot, launcherPath, needsRoot } from './launch.ts'

interface Line {
  readonly layer: string
  readonly available: boolean
  readonly detail: string
  readonly errno?: string
  readonly abi?: number
}

function print(...args: string[]): unknown[] {
  const [command = '', ...rest] = args
  const result = spawnSync(command, rest, { encoding: 'utf8' })
  assert.equal(result.status, 0, result.stderr)
  return result.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** The lines of the layers; the one after them is of `--filtered`. */
const probe = (prefix: readonly string[] = []): Line[] =>
  print(...prefix, launcherPath(), '--probe').slice(0, -1) as Line[]

const layers = [
  'uid',
  'user-namespace',
  'mount-namespace',
  'pid-namespace',
  'net-namespace',
  'network',
  'ipc-namespace',
  'uts-namespace',
  'cgroup-namespace',
  'capabilities',
  'no-new-privs',
  'seccomp',
  'landlock',
  'memory',
  'processes',
  'cpu',
  'read-only',
  'descriptors',
  'session',
  'dev',
  'proc',
  'rlimits',
  'keyring',
  'parent-death',
  'kill-tree',
]

test('every layer has one line, and Landlock its ABI', () => {
  const lines = probe()
  assert.deepEqual(
    lines.map(({ layer }) => layer),
    layers,
  )
  for (const line of lines) assert.ok(line.detail !== '', line.layer)
  assert.equal(typeof lines.find(({ layer }) => layer === 'landlock')?.abi, 'number')
  if (isRoot)
    assert.deepEqual(
      lines.filter(({ available }) => !available),
      [],
    )
})

test('what a host withholds is named with the step and the errno', {
  skip: needsRoot || (spawnSync('prlimit', ['--version']).error ? 'needs prlimit' : false),
}, () => {
  // Without the right to raise anything, a process that may not have files cannot open what it needs.
  const lines = probe([
    'setpriv',
    '--reuid',
    '65534',
    '--regid',
    '65534',
    '--clear-groups',
    '--bounding-set=-all',
    'unshare',
    '-U',
    '--',
  ])
  for (const line of lines.filter(({ available }) => !available)) {
    assert.match(line.detail, /^cannot /)
    assert.match(line.errno ?? '', /^E[A-Z]+$/)
  }
})

const filtered = /^Seccomp:\s*2$/m.test(readFileSync('/proc/self/status', 'utf8'))

test('where nobody filters, no call is said to be filtered', {
  skip: filtered && 'a seccomp filter is in force here',
}, () => {
  assert.deepEqual(print(launcherPath(), '--filtered'), [{ filtered: [] }])
  assert.deepEqual(print(launcherPath(), '--probe').at(-1), { filtered: [] })
})

test('root can ask what it could do as an ordinary user', { skip: needsRoot }, () => {
  assert.deepEqual(
    (print(launcherPath(), '--probe', 'user') as Line[]).filter(({ available }) => available === false),
    [],
  )
})
