// Which tests run in which machine.

import { existsSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { Fault } from './fault.mjs'

/** What depends on the kernel. Signatures, archives and the store are the same on each, and slow here: on request. */
const TESTS = [
  'test/vm/**/*.test.ts',
  'test/runtime/**/*.test.ts',
  'test/attacks/launcher/**/*.test.ts',
  'test/attacks/runtime/**/*.test.ts',
  'test/attacks/suite/root*.test.ts', // with an OCI runtime: on request
]
/** Minutes each, or nothing that a kernel changes: what reads, plans and parses is the same on each. Named, they run here too. */
export const ON_REQUEST = new Set(
  [
    'attacks/runtime/compile-cache',
    'attacks/runtime/failed-start',
    'attacks/runtime/held-ends',
    'attacks/runtime/held-runs',
    'attacks/runtime/held-standing',
    'attacks/runtime/held-stopped',
    'attacks/runtime/network',
    'attacks/runtime/own-address',
    'attacks/runtime/relay',
    'attacks/runtime/snapshots',
    'attacks/runtime/spawned-revoked',
    'attacks/runtime/stopped-launcher',
    'attacks/runtime/warm-entry',
    'attacks/runtime/warm-pool',
    'attacks/suite/rootless',
    'runtime/channel/asked',
    'runtime/containers',
    'runtime/disks',
    'attacks/runtime/fork-server-ends',
    'attacks/runtime/fork-server-reach',
    'attacks/runtime/fork-server-rights',
    'runtime/fork-server',
    'runtime/fork-server-hosts',
    'runtime/engines/behaviour',
    'runtime/network/relay',
    'runtime/network/resolver',
    'runtime/data/snapshot',
    'runtime/data/snapshot-user',
    'runtime/go-plugin/certificate',
    'runtime/go-plugin/handshake',
    'runtime/go-plugin/output',
    'runtime/go-plugin/wire',
    'runtime/handshake-variables',
    'runtime/interpreter',
    'runtime/journal',
    'runtime/launcher/log',
    'runtime/launcher/outcome',
    'runtime/launcher/pump',
    'runtime/launcher/report',
    'runtime/launcher/seal',
    'runtime/launcher/spec',
    'runtime/launcher/stall',
    'runtime/log-folder',
    'runtime/log-lines',
    'runtime/oci/bundle',
    'runtime/oci/runtimes',
    'runtime/plan',
    'runtime/platform',
    'runtime/posture',
    'runtime/preload/deaths',
    'runtime/preload/endings',
    'runtime/preload/failures',
    'runtime/preload/held',
    'runtime/preload/network',
    'runtime/preload/plan',
    'runtime/preload/portrait',
    'runtime/report',
    'runtime/run-figures',
    'runtime/spec',
    'runtime/syslog',
    'runtime/systemd/dbus',
    'runtime/unread',
  ].map((name) => `test/${name}.test.ts`),
)

/** What needs a login and a systemd of its own. */
const IN_SYSTEMD = ['test/vm/systemd/*.test.ts']

/** What a plain machine runs when nobody says what. */
export const onThisKernel = (root) =>
  testFiles(root, TESTS).filter((file) => !ON_REQUEST.has(file) && !file.startsWith('test/vm/systemd/'))

/** The same for the machine that systemd has booted. */
export const inSystemd = (root) => testFiles(root, IN_SYSTEMD)

/** The files that these patterns mean. */
export function testFiles(root, patterns) {
  const all = [...walk(root, 'test')]
  const chosen = new Set()
  for (const pattern of patterns) {
    const matcher = glob(relative(root, resolve(root, pattern)))
    const found = all.filter((file) => matcher.test(file) && !file.endsWith('.host.test.ts'))
    if (found.length === 0) throw new Fault(`cannot find a test for ${pattern}`)
    for (const file of found) chosen.add(file)
  }
  if ([...chosen].some((file) => !file.startsWith('test/vm/')) && !existsSync(join(root, 'dist'))) {
    throw new Fault('cannot test what is not built: dist/ is missing', 'npm run build')
  }
  return [...chosen].sort()
}

function* walk(root, folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory() && entry.name !== 'node_modules') yield* walk(root, path)
    else if (entry.isFile()) yield path
  }
}

// Any Node from 18 runs this file, and path.matchesGlob came later.
function glob(pattern) {
  const source = pattern
    .split(/(\*\*\/|\*\*|\*)/)
    .map(
      (part) => ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[part] ?? part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
    )
  return new RegExp(`^${source.join('')}$`)
}
