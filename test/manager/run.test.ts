import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { openManager, type PluginManager, type RunOptions } from '../../src/index.ts'
import { compile } from '../helpers/compile.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { agree, HELLO, type Household, household, manifestOf, rewrite } from './household.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

/** `x echo WORDS…`, `x exit N`, `x wait`, `x env NAME`, `x keep TEXT` (appends to /data/kept and prints it). */
const program =
  skip !== false
    ? Buffer.alloc(0)
    : readFileSync(
        await compile(
          `#include <stdio.h>
   #include <stdlib.h>
   #include <string.h>
   #include <unistd.h>
   int main(int c, char **v) {
     setvbuf(stdout, 0, _IONBF, 0);
     if (c > 1 && !strcmp(v[1], "exit")) return atoi(v[2]);
     if (c > 1 && !strcmp(v[1], "wait")) { puts("waiting"); for (;;) pause(); }
     if (c > 1 && !strcmp(v[1], "env")) { char *e = getenv(v[2]); puts(e ? e : "-"); return 0; }
     if (c > 1 && !strcmp(v[1], "keep")) {
       FILE *f = fopen("/data/kept", "a+"); if (!f) { perror("kept"); return 1; }
       fputs(v[2], f); rewind(f); for (int k; (k = fgetc(f)) != EOF;) putchar(k);
       return fclose(f);
     }
     for (int i = 2; i < c; i++) puts(v[i]);
     return 0; }`,
          { static: true },
        ),
      )

const spec = (version = '1.0.0', rest: object = {}) => ({
  version,
  files: { 'bin/x': program, 'lib/a.txt': 'a', 'plugin.json': manifestOf({ version, ...rest }) },
  executable: ['bin/x'],
})

async function ran(plugins: PluginManager, args: readonly string[], options: RunOptions = {}, name = HELLO as string) {
  const run = await plugins.run(name, { args, ...options })
  run.stdin?.end()
  run.stderr?.resume()
  const [stdout, outcome] = await Promise.all([text(run.stdout ?? Readable.from([])), run.outcome])
  return { outcome, stdout }
}

/** A run that goes on until it is killed. */
async function waiting(t: TestContext, plugins: PluginManager) {
  const run = await plugins.run(HELLO, { args: ['wait'] })
  t.after(() => run.close())
  await new Promise((resolve) => run.stdout?.once('data', resolve))
  return run
}

const refused = (house: Household, code: string) =>
  assert.rejects(
    async () => {
      await (await house.manager.run(HELLO)).close()
    },
    { code },
  )

test('an installed plugin runs, and how it ended is in its history', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const { outcome, stdout } = await ran(house.manager, ['echo', 'Ada', '--flag'])
  assert.deepEqual([outcome.outcome, outcome.code, stdout], ['exited', 0, 'Ada\n--flag\n'])
  assert.equal((await ran(house.manager, ['exit', '7'])).outcome.code, 7)
  assert.deepEqual(
    house.manager.history(HELLO, 10).map(({ outcome: ended, version }) => [ended?.code, version]),
    [
      [7, '1.0.0'],
      [0, '1.0.0'],
    ],
  )
})

test('it sees of the environment what it asked for and was agreed to, and nothing else', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0', { permissions: { env: ['TOKEN'] } }))
  const env = { TOKEN: 'secret', OTHER: 'hidden' }
  assert.equal((await ran(house.manager, ['env', 'TOKEN'], { env })).stdout, 'secret\n')
  assert.equal((await ran(house.manager, ['env', 'OTHER'], { env })).stdout, '-\n')
  const plan = JSON.stringify(await house.manager.plan(HELLO, { env }))
  assert.ok(!plan.includes('secret'), 'a plan that is shown hides the values')
})

test('a time limit ends a run, and a flag may only shorten it', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const { outcome } = await ran(house.manager, ['wait'], { timeout: '300ms' })
  assert.deepEqual([outcome.outcome, outcome.limit], ['limited', 'wall-time'])
  for (const timeout of ['5', '0s', 'soon'])
    await assert.rejects(house.manager.run(HELLO, { timeout }), { code: 'USAGE' })
  await assert.rejects(house.manager.run(HELLO, { profile: 'lax' }), { code: 'USAGE' })
  await assert.rejects(house.manager.run(HELLO, { weaker: ['walls'] }), { code: 'USAGE' })
})

test('without a layer it runs only when that is asked for by name, and it is recorded', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const { outcome } = await ran(house.manager, ['echo'], { weaker: ['landlock'] })
  assert.deepEqual(outcome.weaker, ['landlock'])
  assert.deepEqual(house.manager.history(HELLO, 1)[0]?.weaker, ['landlock'])
  assert.equal(house.manager.audit(HELLO, 1)[0]?.kind, 'weaker-run')
})

test('what is not installed, disabled or revoked does not run', { skip }, async (t) => {
  const house = await household(t)
  await refused(house, 'NOT_INSTALLED')
  await house.install(spec())
  assert.equal(house.manager.disable(HELLO).state, 'disabled')
  await refused(house, 'WRONG_STATE')
  assert.throws(() => house.manager.disable(HELLO), { code: 'WRONG_STATE' })
  await house.manager.enable(HELLO)
  assert.equal((await ran(house.manager, ['echo', 'on'])).stdout, 'on\n')

  const { affected } = await house.manager.trust.revoke({ target: 'acme/hello@1.0.0', reason: 'broken' })
  assert.deepEqual(affected, ['acme/hello 1.0.0'])
  await refused(house, 'WRONG_STATE')
  const { error } = await house.manager.verify(HELLO)
  assert.deepEqual([error?.code, error?.exitCode], ['RELEASE_REVOKED', 3])
})

test('a revoked key stops what it signed from running, and a policy that forgot it too', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const { affected } = await house.manager.trust.revoke({ target: house.publisher.keyId, reason: 'stolen' })
  assert.deepEqual(affected, ['acme/hello 1.0.0'])
  await refused(house, 'WRONG_STATE')
  const other = await household(t)
  await other.install(spec())
  rmSync(other.layout.trustFile)
  await refused(other, 'SIGNER_NOT_TRUSTED')
})

const CHANGES: readonly [string, RegExp, (root: string) => void][] = [
  [
    'a byte of the program',
    /modified: bin\/x/,
    (root) => rewrite(join(root, 'bin/x'), Buffer.concat([program.subarray(0, -1), Buffer.from('!')])),
  ],
  ['a file made longer', /modified: lib\/a\.txt/, (root) => appendFileSync(join(root, 'lib/a.txt'), 'b')],
  ['a file made empty', /modified: lib\/a\.txt/, (root) => truncateSync(join(root, 'lib/a.txt'))],
  ['a file that is gone', /missing: lib\/a\.txt/, (root) => rmSync(join(root, 'lib/a.txt'))],
  ['a folder that is gone', /missing: lib\/a\.txt/, (root) => rmSync(join(root, 'lib'), { recursive: true })],
  ['a file too many', /extra: lib\/b\.txt/, (root) => writeFileSync(join(root, 'lib/b.txt'), 'b')],
  ['a folder too many', /extra: new/, (root) => mkdirSync(join(root, 'new'))],
  ['a link too many', /extra: lib\/b\.txt/, (root) => symlinkSync('a.txt', join(root, 'lib/b.txt'))],
  [
    'a link in the place of a file',
    /modified: lib\/a\.txt/,
    (root) => {
      renameSync(join(root, 'lib/a.txt'), join(root, '../../kept'))
      symlinkSync('../../../kept', join(root, 'lib/a.txt'))
    },
  ],
  [
    'a folder in the place of a file',
    /lib\/a\.txt/,
    (root) => {
      rmSync(join(root, 'lib/a.txt'))
      mkdirSync(join(root, 'lib/a.txt'))
    },
  ],
  [
    'the manifest',
    /modified: plugin\.json/,
    (root) => rewrite(join(root, 'plugin.json'), manifestOf({ permissions: { env: ['TOKEN'] } })),
  ],
  ['a file made executable', /modified: lib\/a\.txt/, (root) => chmodSync(join(root, 'lib/a.txt'), 0o755)],
  ['a program made plain', /modified: bin\/x/, (root) => chmodSync(join(root, 'bin/x'), 0o644)],
  ['a file that others may write', /modified: lib\/a\.txt/, (root) => chmodSync(join(root, 'lib/a.txt'), 0o666)],
  ['a program with a set-user-id bit', /modified: bin\/x/, (root) => chmodSync(join(root, 'bin/x'), 0o4755)],
  ['a file given away', /modified: lib\/a\.txt/, (root) => chownSync(join(root, 'lib/a.txt'), 12345, 12345)],
  ['the bundle', /./, (root) => rewrite(join(root, '../../bundle.sigstore.jsonl'), '{}\n')],
  ['a bundle that is gone', /bundle is gone/, (root) => rmSync(join(root, '../../bundle.sigstore.jsonl'))],
  [
    'a bundle that is a link to the same bytes',
    /bundle is gone, or no plain file/,
    (root) => {
      const bundle = join(root, '../../bundle.sigstore.jsonl')
      renameSync(bundle, `${bundle}.elsewhere`)
      symlinkSync(`${bundle}.elsewhere`, bundle)
    },
  ],
  ['a tree that is gone', /./, (root) => rmSync(root, { recursive: true })],
  ['a release that is gone', /./, (root) => rmSync(join(root, '../..'), { recursive: true })],
]

test('an installed plugin that was changed in any way is refused, and verify names the file', { skip }, async (t) => {
  for (const [what, said, change] of CHANGES) {
    const house = await household(t)
    await house.install(spec())
    change(house.packageOf())
    const { ok, error } = await house.manager.verify(HELLO)
    assert.equal(ok, false, what)
    assert.equal(error?.exitCode, 3, `${what}: ${error}`)
    assert.match(error?.message ?? '', said, what)
    await assert.rejects(ran(house.manager, ['echo']), (thrown: { code: string; exitCode: number }) => {
      assert.equal(thrown.code, error?.code, what)
      assert.equal(thrown.exitCode, 3, what)
      return true
    })
    assert.equal((await house.manager.verifyAll()).filter((one) => one.ok).length, 0)
  }
})

test('what changed back is trusted again, and times alone change nothing', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const file = join(house.packageOf(), 'lib/a.txt')
  rewrite(file, 'b')
  await refused(house, 'MODIFIED')
  rewrite(file, 'a')
  utimesSync(file, 1, 1)
  assert.equal((await ran(house.manager, ['echo', 'fine'])).stdout, 'fine\n')
  linkSync(file, join(house.layout.home, 'second-name'))
  assert.equal(typeof (await house.manager.verify(HELLO)).ok, 'boolean')
})

test('a release whose bundle is a good one of another release is refused', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const { bundle } = house.publisher.publish({ ...spec(), files: { ...spec().files, 'lib/a.txt': 'other' } })
  rewrite(join(house.packageOf(), '../../bundle.sigstore.jsonl'), bundle)
  await refused(house, 'DIGEST_MISMATCH')
})

test('a version that goes while it runs keeps its files until it ends', { skip }, async (t) => {
  const house = await household(t)
  writeFileSync(house.layout.configFile, JSON.stringify({ keepVersions: 1 }), { mode: 0o600 })
  await house.reopen()
  await house.install(spec())
  const old = house.packageOf()
  const run = await waiting(t, house.manager)
  const report = await house.install(spec('2.0.0'))
  assert.equal(report.replaced, '1.0.0')
  assert.equal(existsSync(join(old, 'bin/x')), true)
  const other = await openManager({ home: house.layout.home })
  assert.equal(existsSync(join(old, 'bin/x')), true, 'another command leaves it too')
  await assert.rejects(other.remove(HELLO, { purge: true }), { code: 'WRONG_STATE', hint: /plugins stop/ })
  await other.close()
  assert.equal((await ran(house.manager, ['echo', 'new'])).stdout, 'new\n', 'the new one runs beside it')

  assert.equal((await run.close()).signal, 'SIGKILL')
  await run.outcome
  await house.reopen()
  assert.equal(existsSync(old), false, 'the next command takes it away, though this process lives')
  assert.equal((await house.manager.verify(HELLO)).ok, true)
})

test('a plugin that runs is not removed', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const run = await waiting(t, house.manager)
  await assert.rejects(house.manager.remove(HELLO, { purge: false }), { code: 'WRONG_STATE' })
  await run.close()
  await run.outcome
  await house.manager.remove(HELLO, { purge: false })
})

test('data outlives the run and the removal, and ends with a purge', { skip }, async (t) => {
  const house = await household(t)
  const withData = spec('1.0.0', { limits: { data: '4M' } })
  await house.install(withData)
  if ((await ran(house.manager, ['keep', 'a'])).outcome.outcome === 'refused') return t.skip('no quota on /data here')
  assert.equal((await ran(house.manager, ['keep', 'b'])).stdout, 'ab')
  const { dataKept, data } = await house.manager.remove(HELLO, { purge: false })
  assert.deepEqual([dataKept, existsSync(data)], [true, true])
  await house.install(withData)
  assert.equal((await ran(house.manager, ['keep', 'c'])).stdout, 'abc')
  assert.equal((await house.manager.remove(HELLO, { purge: true })).dataKept, false)
  assert.equal(existsSync(data), false)
  await house.install(withData)
  assert.equal((await ran(house.manager, ['keep', 'd'])).stdout, 'd')
})

test('the data that a removal kept can be purged afterwards, once', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec('1.0.0', { limits: { data: '4M' } }))
  if ((await ran(house.manager, ['keep', 'a'])).outcome.outcome === 'refused') return t.skip('no quota on /data here')
  const { data, logs } = await house.manager.remove(HELLO, { purge: false })
  const purged = await house.manager.remove(HELLO, { purge: true })
  assert.deepEqual(purged, { name: HELLO, version: null, dataKept: false, data, logsKept: false, logs })
  assert.equal(existsSync(data), false)
  assert.deepEqual(
    house.manager.audit(HELLO, 1).map(({ kind }) => kind),
    ['purged'],
  )
  await assert.rejects(house.manager.remove(HELLO, { purge: true }), { code: 'NOT_INSTALLED' })
})

test('a purge that was interrupted is finished: data, tree, row and user id', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec())
  const data = house.layout.data(HELLO)
  mkdirSync(join(data, 'deep'), { recursive: true })
  house.raw((db) => db.exec("UPDATE installations SET state = 'removing', purging = 1, holder = '1:1:gone'"))
  await house.reopen()
  assert.equal(existsSync(data), false)
  const rows = house.raw((db) => db.prepare('SELECT uid, (SELECT count(*) FROM installations) AS n FROM plugins').get())
  assert.deepEqual(rows, { uid: null, n: 0 })
  assert.equal(existsSync(house.layout.plugins) && existsSync(join(house.layout.plugins, 'acme')), false)
})

test('removed, a plugin leaves its history and its high-water mark', { skip }, async (t) => {
  const house = await household(t)
  await house.install(spec('2.0.0'))
  await ran(house.manager, ['exit', '3'])
  await house.manager.remove(HELLO, { purge: true })
  assert.deepEqual(house.manager.list(), [])
  assert.equal(house.manager.history(HELLO, 1)[0]?.outcome?.code, 3)
  await assert.rejects(house.install(spec('1.0.0')), { code: 'DOWNGRADE_REFUSED' })
  await assert.rejects(house.manager.remove(HELLO, { purge: false }), { code: 'NOT_INSTALLED', exitCode: 4 })
  for (const wrong of ['hello', '../x', 'a/b/c'])
    await assert.rejects(house.manager.info(wrong as PluginName), { code: 'USAGE' })
  await house.manager.install(house.publish(spec('3.0.0')), { consent: agree })
})
