import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PluginManager } from '../../../src/manager.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const isRoot = process.geteuid?.() === 0
const STRANGER = 54_321
const open = async (home: string) => (await PluginManager.open({ home })).close()

test('root makes nothing in a folder of somebody else', {
  skip: !isRoot && 'only root can give folders away',
}, async (t) => {
  const { base } = await AttackedHome.make(t, { isTrusted: false })
  const eve = join(base, 'eve')
  mkdirSync(eve)
  chownSync(eve, STRANGER, STRANGER)
  await assert.rejects(open(join(eve, 'deep', 'home')), { code: 'POLICY_UNSAFE' })
  assert.equal(existsSync(join(eve, 'deep')), false)
})

test('nothing is made through a link', async (t) => {
  const { base } = await AttackedHome.make(t, { isTrusted: false })
  mkdirSync(join(base, 'target'))
  symlinkSync('target', join(base, 'link'))
  await assert.rejects(open(join(base, 'link', 'home')), { code: 'POLICY_UNSAFE' })
  assert.equal(existsSync(join(base, 'target', 'home')), false)
})

// Whoever once could write the home may have left something there: taking that right away does not undo it.
const FOLDERS = ['plugins', 'staging', 'cache', 'spool', 'data']
const FILES = ['bulkhead.db', 'bulkhead.db-wal', 'bulkhead.db-shm', 'bulkhead.db-journal']

for (const name of [...FOLDERS, ...FILES]) {
  const isFolder = FOLDERS.includes(name)
  const plant = (path: string) => (isFolder ? mkdirSync(path) : writeFileSync(path, ''))

  test(`a ${name} of somebody else is not used`, { skip: !isRoot && 'only root can give files away' }, async (t) => {
    const { home } = await AttackedHome.make(t, { isTrusted: false })
    mkdirSync(home, { mode: 0o700 })
    plant(join(home, name))
    chownSync(join(home, name), STRANGER, STRANGER)
    await assert.rejects(open(home), {
      code: 'POLICY_UNSAFE',
      message: new RegExp(`${name} belongs to user ${STRANGER}`),
    })
  })

  test(`a ${name} that others may write is not used`, async (t) => {
    const { home } = await AttackedHome.make(t, { isTrusted: false })
    mkdirSync(home, { mode: 0o700 })
    plant(join(home, name))
    chmodSync(join(home, name), 0o777)
    await assert.rejects(open(home), { code: 'POLICY_UNSAFE' })
  })

  test(`a ${name} that is a link is not followed`, async (t) => {
    const { base, home } = await AttackedHome.make(t, { isTrusted: false })
    mkdirSync(home, { mode: 0o700 })
    const elsewhere = join(base, 'elsewhere')
    plant(elsewhere)
    symlinkSync(elsewhere, join(home, name))
    await assert.rejects(open(home), { code: 'POLICY_UNSAFE' })
    if (!isFolder) assert.equal(lstatSync(elsewhere).size, 0)
  })
}

test('an empty --home is no home', async () => {
  await assert.rejects(open(''), { code: 'USAGE' })
})
