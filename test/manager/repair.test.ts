import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundleOf, packageOf } from '../../src/core/layout.ts'
import { formatRecovered, openManager, type Recovered } from '../../src/index.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { type RepairedRelease, type RepairOptions, repair } from '../../src/manager/repair.ts'
import { fetchTarball } from '../../src/registry/index.ts'
import { holderOf } from '../../src/store/holder.ts'
import { authority } from '../helpers/authority.ts'
import { HELLO, type Household, household, rewrite, trust, writeRelease } from './household.ts'

const COMMON = { 'lib/a.js': 'a'.repeat(5000), 'lib/b.js': 'b'.repeat(5000), 'empty.js': '' }

interface Broken {
  readonly house: Household
  readonly host: Host
  /** Tarballs of 1.0.0, which is kept, and of 2.0.0, which is installed. */
  readonly tarballs: readonly [string, string]
  /** Folders of the same. */
  readonly releases: readonly [string, string]
  repair(options?: RepairOptions): Promise<Readonly<Record<string, RepairedRelease>>>
}

/** Two versions that differ in one file. */
async function twoVersions(t: TestContext): Promise<Broken> {
  const house = await household(t)
  const tarballs: string[] = []
  const releases: string[] = []
  for (const version of ['1.0.0', '2.0.0']) {
    tarballs.push(house.publish({ version, files: { ...COMMON, 'main.js': `say("${version}")\n` } }))
    await house.manager.install(tarballs.at(-1) ?? '', { consent: () => true })
    releases.push(dirname(dirname(house.packageOf())))
    await sleep(30)
  }
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  return {
    house,
    host,
    tarballs: tarballs as unknown as Broken['tarballs'],
    releases: releases as unknown as Broken['releases'],
    repair: async (options = {}) => {
      const report = await repair(host, HELLO, options)
      return Object.fromEntries(report.releases.map((one) => [one.version, one]))
    },
  }
}

const outcomes = (of: Readonly<Record<string, RepairedRelease>>) =>
  Object.fromEntries(Object.entries(of).map(([version, { outcome, by }]) => [version, by ?? outcome]))

async function assertGood({ host }: Broken): Promise<void> {
  const report = await repair(host, HELLO)
  assert.deepEqual(
    report.releases.map(({ outcome }) => outcome),
    ['good', 'good'],
  )
}

test('what is as it was signed is good, and nothing is touched', async (t) => {
  const broken = await twoVersions(t)
  const before = broken.house.state()
  assert.deepEqual(outcomes(await broken.repair()), { '2.0.0': 'good', '1.0.0': 'good' })
  assert.deepEqual(broken.house.state(), before)
})

/** What another version of the plugin still has is put back without the tarball. */
const FROM_FILES: Readonly<Record<string, (release: string) => void>> = {
  'a file is missing': (release) => rmSync(join(packageOf(release), 'lib/a.js')),
  'a folder is missing': (release) => rmSync(join(packageOf(release), 'lib'), { recursive: true }),
  'a file is replaced': (release) => {
    rmSync(join(packageOf(release), 'lib/a.js'))
    writeFileSync(join(packageOf(release), 'lib/a.js'), 'x'.repeat(5000))
  },
  'a file is more': (release) => writeFileSync(join(packageOf(release), 'lib/extra.js'), 'evil()'),
  'a file lies beside the package': (release) => writeFileSync(join(release, 'notes'), ''),
  'the chroot directory was changed': (release) => writeFileSync(join(release, 'root/usr/evil'), ''),
  'an empty file is gone': (release) => rmSync(join(packageOf(release), 'empty.js')),
}

for (const [what, damage] of Object.entries(FROM_FILES)) {
  test(`where ${what}, the release is made anew of what is here`, async (t) => {
    const broken = await twoVersions(t)
    damage(broken.releases[1])
    assert.deepEqual(outcomes(await broken.repair()), { '2.0.0': 'files', '1.0.0': 'good' })
    await assertGood(broken)
    assert.equal((await broken.house.manager.verify(HELLO)).ok, true)
    assert.deepEqual(readdirSync(broken.host.layout.staging), [])
    assert.equal(broken.house.manager.audit(HELLO, 1)[0]?.kind, 'repaired')
  })
}

test('a kept version is repaired as well', async (t) => {
  const broken = await twoVersions(t)
  rmSync(join(packageOf(broken.releases[0]), 'lib/b.js'))
  assert.deepEqual(outcomes(await broken.repair()), { '2.0.0': 'good', '1.0.0': 'files' })
  await assertGood(broken)
})

test('a file that one version alone has needs the tarball, which is named', async (t) => {
  const broken = await twoVersions(t)
  rewrite(join(packageOf(broken.releases[1]), 'main.js'), 'evil()')
  const before = broken.house.state()
  const { '2.0.0': failed } = await broken.repair()
  assert.equal(failed?.outcome, 'failed')
  assert.equal(failed?.error?.code, 'REPAIR_FAILED')
  assert.match(
    failed?.error?.message ?? '',
    /^cannot repair acme\/hello 2\.0\.0: .*needed is the tarball sha256:[0-9a-f]{64}$/,
  )
  assert.equal(failed?.error?.hint, 'plugins repair acme/hello --from acme-hello-2.0.0.tgz')
  assert.deepEqual(broken.house.state(), before)

  const from = await fetchTarball(broken.tarballs[1])
  assert.deepEqual(outcomes(await broken.repair({ from })), { '2.0.0': 'tarball', '1.0.0': 'good' })
  await assertGood(broken)
})

test('a change of a file that versions share is in both, and is put right in both', async (t) => {
  const broken = await twoVersions(t)
  const files = broken.releases.map((release) => join(packageOf(release), 'lib/a.js'))
  for (const file of files) rewrite(file, 'x'.repeat(5000))
  assert.deepEqual(outcomes(await broken.repair()), { '2.0.0': 'failed', '1.0.0': 'failed' })
  const from = await fetchTarball(broken.tarballs[1])
  const repaired = await broken.repair({ from })
  assert.deepEqual(outcomes(repaired), { '2.0.0': 'tarball', '1.0.0': 'files' })
  await assertGood(broken)
})

/** What a release was judged by, or all of it, is gone: only its tarball says again what it is. */
const FROM_TARBALL: Readonly<Record<string, (release: string) => void>> = {
  'its folder is gone': (release) => rmSync(release, { recursive: true }),
  'its bundle is gone': (release) => rmSync(bundleOf(release)),
  'its bundle is no bundle': (release) => writeFileSync(bundleOf(release), '{}\n'),
  'its bundle was altered': (release) => {
    const altered = (_: string, first: string) => `"sig":"${first === 'A' ? 'B' : 'A'}`
    writeFileSync(bundleOf(release), readFileSync(bundleOf(release), 'utf8').replace(/"sig":"(.)/, altered))
  },
  'a link is in its place': (release) => {
    renameSync(release, `${release}.moved`)
    symlinkSync(`${release}.moved`, release)
  },
}

for (const [what, damage] of Object.entries(FROM_TARBALL)) {
  test(`where ${what}, it is fetched from where it came from`, async (t) => {
    const broken = await twoVersions(t)
    damage(broken.releases[1])
    const asked: string[] = []
    const fetch: RepairOptions['fetch'] = async ({ version }) => {
      asked.push(version)
      return fetchTarball(broken.tarballs[1])
    }
    assert.deepEqual(outcomes(await broken.repair({ fetch })), { '2.0.0': 'tarball', '1.0.0': 'good' })
    assert.deepEqual(asked, ['2.0.0'])
    await assertGood(broken)
    assert.equal(lstatSync(broken.releases[1]).isDirectory(), true)
  })
}

test('a registry that gives other bytes, or none, or fails, repairs nothing', async (t) => {
  const broken = await twoVersions(t)
  rmSync(bundleOf(broken.releases[1]))
  const before = broken.house.state()
  const answers: RepairOptions['fetch'][] = [
    async () => null,
    async () => fetchTarball(broken.tarballs[0]),
    async () => fetchTarball('/nowhere'),
  ]
  for (const fetch of answers) {
    const { '2.0.0': failed } = await broken.repair({ fetch })
    assert.equal(failed?.error?.code, 'REPAIR_FAILED')
  }
  assert.deepEqual(broken.house.state(), before)
})

test('a tarball that nothing here was installed from is refused', async (t) => {
  const broken = await twoVersions(t)
  const other = broken.house.publish({ version: '2.0.0', files: { 'main.js': 'evil()' } })
  const from = await fetchTarball(other)
  await assert.rejects(broken.repair({ from }), { code: 'DIGEST_MISMATCH', exitCode: 3 })
})

test('a bundle of others is refused, however good it is: whose word it is was agreed to', async (t) => {
  const broken = await twoVersions(t)
  rmSync(broken.releases[1], { recursive: true })
  const stranger = await authority()
  await trust(broken.host.layout, stranger)
  const again = stranger.publish({ version: '2.0.0', files: { ...COMMON, 'main.js': 'say("2.0.0")\n' } })
  const path = writeRelease(
    join(broken.house.layout.home, '../stranger'),
    readFileSync(broken.tarballs[1]),
    again.bundle,
  )
  const { '2.0.0': failed } = await broken.repair({ from: await fetchTarball(path) })
  assert.equal(failed?.error?.code, 'REPAIR_FAILED')
  assert.match(failed?.error?.message ?? '', /installed as signed by ed25519:/)
  assert.equal(existsSync(broken.releases[1]), false)
})

test('what is revoked is not repaired, nor fetched', async (t) => {
  const broken = await twoVersions(t)
  rmSync(join(packageOf(broken.releases[1]), 'lib/a.js'))
  await broken.house.manager.trust.revoke({ target: `${HELLO}@2.0.0`, reason: 'it is evil' })
  let fetches = 0
  const { '2.0.0': failed } = await broken.repair({
    fetch: async () => {
      fetches++
      return null
    },
  })
  assert.deepEqual([failed?.outcome, failed?.error?.code, fetches], ['failed', 'RELEASE_REVOKED', 0])
  rmSync(bundleOf(broken.releases[1]))
  const from = await fetchTarball(broken.tarballs[1])
  const { '2.0.0': again } = await broken.repair({ from })
  assert.equal(again?.error?.code, 'RELEASE_REVOKED')
})

test('a version that runs is not exchanged under it', async (t) => {
  const broken = await twoVersions(t)
  for (const release of broken.releases) writeFileSync(join(packageOf(release), 'extra.js'), '')
  broken.house.raw((db) =>
    db
      .prepare(
        `INSERT INTO runs (id, plugin_id, version, profile, weaker, holder, started_at_ms)
         SELECT 'r', id, '2.0.0', 'production', '[]', ?, 1 FROM plugins`,
      )
      .run(holderOf(process.pid)),
  )
  const { '2.0.0': running, '1.0.0': kept } = await broken.repair()
  assert.equal(running?.error?.code, 'WRONG_STATE')
  assert.equal(running?.error?.hint, 'end it first: plugins stop acme/hello')
  assert.equal(existsSync(join(packageOf(broken.releases[1]), 'extra.js')), true)
  assert.equal(kept?.outcome, 'repaired', 'what does not run is')
  assert.deepEqual(readdirSync(broken.host.layout.staging), [])
})

test('what is in quarantine is repaired, and stays there', async (t) => {
  const broken = await twoVersions(t)
  rmSync(join(packageOf(broken.releases[1]), 'lib/a.js'))
  await broken.house.manager.verifyAll({ quarantine: true })
  const { '2.0.0': repaired } = await broken.repair()
  assert.deepEqual([repaired?.outcome, repaired?.state], ['repaired', 'quarantined'])
  assert.equal(broken.house.manager.list()[0]?.state, 'quarantined')
  assert.equal((await broken.house.manager.enable(HELLO)).state, 'installed')
})

test('a dry run says what would be done, and does nothing', async (t) => {
  const broken = await twoVersions(t)
  rmSync(join(packageOf(broken.releases[0]), 'lib/a.js'))
  rmSync(join(packageOf(broken.releases[1]), 'main.js'))
  const before = broken.house.state()
  const from = await fetchTarball(broken.tarballs[1])
  const planned = await broken.repair({ dryRun: true, from })
  assert.deepEqual(outcomes(planned), { '2.0.0': 'tarball', '1.0.0': 'files' })
  assert.equal(planned['2.0.0']?.outcome, 'repairable')
  assert.deepEqual(planned['2.0.0']?.found.missing, ['main.js'])
  assert.deepEqual(broken.house.state(), before)
  assert.equal((await broken.repair({ dryRun: true }))['2.0.0']?.error?.code, 'REPAIR_FAILED')
})

test('of all plugins one that cannot be repaired keeps none of the others', async (t) => {
  const broken = await twoVersions(t)
  await broken.house.install({ name: 'acme/zebra', files: COMMON })
  rmSync(join(broken.house.packageOf('acme/zebra' as typeof HELLO), 'lib'), { recursive: true })
  writeFileSync(join(packageOf(broken.releases[1]), 'extra.js'), '')
  const { releases } = await repair(broken.host, null)
  assert.deepEqual(
    releases.map(({ name, version, outcome }) => [name, version, outcome]),
    [
      [HELLO, '2.0.0', 'repaired'],
      [HELLO, '1.0.0', 'good'],
      ['acme/zebra', '1.0.0', 'failed'],
    ],
  )
})

test('where the damaged files cannot be deleted it is repaired all the same, and they go with a later command', async (t) => {
  const broken = await twoVersions(t)
  const { house } = broken
  const inside = join(packageOf(broken.releases[1]), 'strange')
  mkdirSync(inside)
  if (process.geteuid?.() !== 0 || spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', inside]).status !== 0) {
    return t.skip('only root may mount')
  }
  try {
    assert.deepEqual(outcomes(await broken.repair()), { '1.0.0': 'good', '2.0.0': 'files' })
    await assertGood(broken)
    assert.deepEqual(holders(house), [''], 'left to whoever comes next')
  } finally {
    const mounted = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    for (const line of mounted) {
      const [, point = ''] = line.split(' ')
      if (point.startsWith(house.layout.home)) execFileSync('umount', [point])
    }
  }
  const said: string[] = []
  const onRecovered = (one: Recovered) => said.push(formatRecovered(one))
  await (await openManager({ home: house.layout.home, onRecovered })).close()
  assert.deepEqual(said, [
    'the repair of acme/hello was interrupted: what it had put right stays so, and the rest is as it was before',
  ])
  assert.deepEqual([holders(house), readdirSync(house.layout.staging)], [[], []])
  await assertGood(broken)
})

const holders = (house: Household): string[] =>
  house.raw((db) => db.prepare('SELECT holder FROM changes').all() as { holder: string }[]).map(({ holder }) => holder)

test('an unsigned plugin is repaired with the list that was recorded for it, and not without', async (t) => {
  const house = await household(t)
  const { tarball } = house.publisher.publish({ name: 'lone/tool', files: COMMON })
  const path = writeRelease(join(house.layout.home, '../lone'), tarball, null)
  await house.manager.install(path, { consent: () => true, allowUnsigned: { name: 'lone/tool', until: '7d' } })
  const release = dirname(dirname(house.packageOf('lone/tool' as typeof HELLO)))
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  rmSync(join(packageOf(release), 'lib'), { recursive: true })
  const from = await fetchTarball(path)
  const first = await repair(host, 'lone/tool', { from })
  assert.deepEqual([first.releases[0]?.outcome, first.releases[0]?.by], ['repaired', 'tarball'])
  assert.equal((await house.manager.verify('lone/tool')).ok, true)
  rmSync(join(release, 'files.json'))
  const second = await repair(host, 'lone/tool', { from })
  assert.deepEqual([second.releases[0]?.outcome, second.releases[0]?.error?.code], ['failed', 'MODIFIED'])
})

test('a plugin that is not installed is said not to be', async (t) => {
  const broken = await twoVersions(t)
  await assert.rejects(repair(broken.host, 'acme/none'), { code: 'NOT_INSTALLED', exitCode: 4 })
})

test('a folder that no row speaks of is told, and never adopted', async (t) => {
  const broken = await twoVersions(t)
  const path = `${dirname(broken.releases[1])}/3.0.0-0123456789ab`
  mkdirSync(path)
  const { strangers } = await repair(broken.host, HELLO)
  assert.deepEqual(strangers, [{ name: HELLO, version: '3.0.0', path }])
  assert.equal(existsSync(path), true)
})
