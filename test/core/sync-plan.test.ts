import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LockedPlugin } from '../../src/core/lock-file.ts'
import { assertCanSync, assertInSync, type HostPlugin, isInSync, planSync } from '../../src/core/sync-plan.ts'
import { hex, installed, locked } from './locks.ts'

const APP = locked('acme/app', '2.0.0', { requires: { 'acme/lib': '^2' } })
const LIB = locked('acme/lib', '2.0.0')
const plan = (plugins: readonly LockedPlugin[], here: readonly HostPlugin[], prune = false) =>
  planSync({ lock: { plugins }, installed: here, prune })
const rows = async (...given: Parameters<typeof plan>) =>
  (await plan(...given)).rows.map(({ action, name, from, to }) => [action, name, from, to].join(' '))

test('a host that is as the lock file says has nothing to do', async () => {
  const done = await plan([APP, LIB], [installed(LIB), installed(APP)])
  assert.equal(isInSync(done), true)
  assertInSync(done, 'plugins.lock')
  assert.deepEqual(
    done.rows.map(({ action }) => action),
    ['keep', 'keep'],
  )
})

test('what is needed comes before what needs it, and what goes goes before that', async () => {
  const old = locked('acme/old', '1.0.0', { requires: { 'acme/older': '*' } })
  assert.deepEqual(
    await rows(
      [APP, LIB],
      [installed(old), installed(locked('acme/older', '1.0.0')), installed({ ...LIB, version: '1.0.0' })],
      true,
    ),
    ['remove acme/old 1.0.0 ', 'remove acme/older 1.0.0 ', 'update acme/lib 1.0.0 2.0.0', 'install acme/app  2.0.0'],
  )
})

test('an older version in the lock file is a step back, and said to be one', async () => {
  assert.deepEqual(await rows([LIB], [installed({ ...LIB, version: '3.0.0' })]), ['downgrade acme/lib 3.0.0 2.0.0'])
})

test('what the lock file does not have stays unless it is said to go', async () => {
  assert.deepEqual(await rows([], [installed(LIB)]), ['extra acme/lib 2.0.0 '])
  assert.deepEqual(await rows([], [installed(LIB)], true), ['remove acme/lib 2.0.0 '])
})

test('what stays must be able to live with what comes', async () => {
  const other = locked('acme/other', '1.0.0', { requires: { 'acme/lib': '^1' } })
  const here = [installed(other), installed({ ...LIB, version: '1.0.0' })]
  await assert.rejects(plan([LIB], here), {
    code: 'DEPENDENCY_CONFLICT',
    message: /acme\/other 1\.0\.0, which the lock file does not have, needs acme\/lib \^1, not 2\.0\.0/,
    hint: /--prune/,
  })
  assert.deepEqual(await rows([LIB], here, true), ['remove acme/other 1.0.0 ', 'update acme/lib 1.0.0 2.0.0'])
})

test('files, permissions and holds are each a row of their own, with the reason', async () => {
  const wanted = locked('acme/lib', '2.0.0', {
    held: true,
    permissions: { network: ['a.b:1'], read: [], env: ['KEEP'] },
  })
  const here = installed(wanted, {
    held: false,
    fault: 'its files are not those that were signed',
    permissions: { network: [], read: ['/usr'], env: ['KEEP'] },
  })
  const { rows: found } = await plan([wanted], [here])
  assert.deepEqual(
    found.map(({ action, reason }) => [action, reason]),
    [
      ['repair', 'its files are not those that were signed'],
      ['permissions', 'gains network a.b:1; loses read /usr'],
      ['hold', 'it is to be held'],
    ],
  )
})

test('other bytes under the same version, or a signer who did not count, is for somebody to look at', async () => {
  const bytes = await plan([LIB], [installed(LIB, { sha256: hex('0', 64) })])
  assert.throws(() => assertCanSync(bytes, 'plugins.lock'), {
    code: 'LOCK_DIFFERS',
    exitCode: 1,
    message: /^cannot make this host as plugins\.lock says: acme\/lib 2\.0\.0 \(bytes\): other bytes are installed/,
  })
  const signers = await plan([LIB], [installed(LIB, { signers: ['somebody else'] })])
  assert.throws(() => assertCanSync(signers, 'plugins.lock'), {
    code: 'LOCK_DIFFERS',
    message: /\(signers\): not counted/,
  })
  const more = await plan([LIB], [installed(LIB, { signers: ['somebody else', ...LIB.signers] })])
  assert.equal(isInSync(more), true)
})

test('frozen, any difference is refused and all of them are listed', async () => {
  const here = [installed(locked('acme/extra', '1.0.0')), installed({ ...LIB, version: '1.0.0' })]
  const found = await plan([APP, LIB], here)
  assert.throws(
    () => assertInSync(found, 'plugins.lock'),
    (error: { code: string; message: string; details: { faults: string[] } }) => {
      assert.equal(error.code, 'LOCK_DIFFERS')
      assert.match(error.message, /^cannot go on with --frozen: this host is not as plugins\.lock says: /)
      assert.deepEqual(error.details.faults, [
        'acme/extra 1.0.0 (extra): the lock file does not have it',
        'acme/lib 1.0.0 to 2.0.0 (update): 1.0.0 is installed',
        'acme/app 2.0.0 (install): it is not installed',
      ])
      return true
    },
  )
})
