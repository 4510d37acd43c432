// The probe tries every layer, in the same words as `weaker`.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { isRoot, launcherPath, needsRoot } from './launch.ts'

interface Line {
  readonly layer: string
  readonly available: boolean
  readonly detail: string
  readonly errno?: string
  readonly abi?: number
}

function probe(prefix: readonly string[] = []): Line[] {
  const [command = '', ...args] = [...prefix, launcherPath(), '--probe']
  const result = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(result.status, 0)
  return result.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

const layers = [
  'uid',
  'user-namespace',
  'mount-namespace',
  'pid-namespace',
  'net-namespace',
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
