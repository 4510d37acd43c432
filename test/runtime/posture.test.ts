// The posture of a run, seen from outside: each process and thread of it, in both ways of running and all modes, equals an
// exact expectation. What is new (a descriptor, a mount, a namespace, a capability) fails until somebody has expected it.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { test } from 'node:test'
import { SLOW } from '../helpers/patience.ts'
import { needsRoot } from './launcher/launch.ts'
import { needsHelpers } from './launcher/user.ts'
import { expectedCgroups, expectedMounts, expectedOf, LIMITS, type Role, SECUREBITS } from './posture/expected.ts'
import { type Mode, type Profile, type Scene, scene, type Way } from './posture/scene.ts'
import { mountsOf, type Posture, postureOf } from './posture/sight.ts'

const ROLES: readonly Role[] = ['launcher', 'init', 'payload', 'child']
const LEAF = /bulkhead-[0-9a-z]+-[0-9a-f]{10}/

/** The launcher's file by its name, its descriptors without their numbers: both are chance. */
function plain(role: Role, posture: Posture): Posture {
  if (role === 'init') return { ...posture, executable: basename(posture.executable) }
  if (role !== 'launcher') return posture
  return {
    ...posture,
    executable: basename(posture.executable),
    descriptors: posture.descriptors.map((one) => one.replace(/^\d+ /, '').replace(LEAF, 'RUN')).sort(),
  }
}

/** The name of this run's leaves: a plan that is only looked at has another. */
function leafOf({ pids }: Scene): string {
  return LEAF.exec(readFileSync(`/proc/${pids.payload}/cgroup`, 'utf8'))?.[0] ?? 'none'
}

function assertCgroups(seen: Scene, profile: Profile): void {
  const leaf = leafOf(seen)
  const { launcher, ...inside } = seen.pids
  const members = Object.values(inside).sort((one, other) => one - other)
  for (const [path, content] of expectedCgroups(seen.plan, profile)) {
    const file = path.replace('RUN', leaf)
    assert.equal(readFileSync(file, 'utf8').trim(), content, file)
    const procs = readFileSync(`${dirname(file)}/cgroup.procs`, 'utf8')
      .trim()
      .split('\n')
      .map(Number)
    assert.deepEqual(
      procs.sort((one, other) => one - other),
      members,
      `${file}: all of the sandbox, and the launcher not`,
    )
  }
}

function assertRoot({ plan, pids }: Scene): void {
  for (const pid of [pids.payload, pids.child]) {
    const [seen, meant] = [statSync(`/proc/${pid}/root`), statSync(plan.root)]
    assert.deepEqual([seen.dev, seen.ino], [meant.dev, meant.ino], 'its root is the chroot directory')
  }
}

/** One network, one user namespace, and so on, for the whole sandbox; init in none that its program is not in. */
function assertTogether({ pids }: Scene): void {
  for (const kind of readdirSync(`/proc/${pids.init}/ns`)) {
    const inode = (pid: number): number => statSync(`/proc/${pid}/ns/${kind}`).ino
    assert.equal(inode(pids.payload), inode(pids.init), kind)
    assert.equal(inode(pids.child), inode(pids.init), kind)
  }
}

/** Starting a host takes seconds in the emulated machine: there each mode, way and profile, but not each with each. */
const isChosen = (mode: Mode, way: Way, profile: Profile): boolean =>
  process.env.BULKHEAD_VM === undefined ||
  [
    'root command production',
    'root library strict',
    'subordinate library development',
    'direct command strict',
  ].includes(`${mode} ${way} ${profile}`)

for (const mode of ['root', 'subordinate', 'direct'] as const satisfies readonly Mode[])
  for (const way of ['command', 'library'] as const satisfies readonly Way[])
    for (const profile of Object.keys(LIMITS) as Profile[])
      test(`${mode}, ${way}, ${profile}: every process is exactly what it should be`, {
        skip:
          needsRoot ||
          (!isChosen(mode, way, profile) && 'in the emulated machine not each with each') ||
          (mode === 'subordinate' && needsHelpers),
        timeout: 60_000 * SLOW,
      }, async (t) => {
        const seen = await scene(t, way, mode, profile)
        if (typeof seen === 'string') return t.skip(seen)
        for (const role of ROLES) {
          const posture = plain(role, postureOf(seen.pids[role]))
          assert.deepEqual(posture, expectedOf(role, seen, way, mode, profile), role)
        }
        assert.equal(seen.said, `securebits ${SECUREBITS}\n`)
        for (const pid of [seen.pids.init, seen.pids.payload, seen.pids.child])
          assert.deepEqual(mountsOf(pid), expectedMounts(LIMITS[profile], mode))
        assertRoot(seen)
        assertTogether(seen)
        assertCgroups(seen, profile)
      })
