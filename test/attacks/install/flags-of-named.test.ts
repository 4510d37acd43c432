// Whoever publishes a plugin chooses what it needs. What was said of the plugin that was named, to let it past a guard, is said
// of nothing else that comes with it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const yes = () => true
const WANTS = { permissions: { env: ['TOKEN'] } }
const NEEDS = { requires: { 'other/lib': '>=1' } }

test('a grant to a plugin is none to what it needs, which may come if it asks for nothing', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(
    says('acme/app', '1.0.0', { ...WANTS, ...NEEDS }),
    says('other/lib', '1.0.0'),
    says('other/lib', '1.1.0', WANTS),
  )
  await home.with(async (manager) => {
    const both = manager.installAll(['acme/app'], { grants: ['env=TOKEN'] })
    await assert.rejects(both, { code: 'CONSENT_NEEDED', message: /other\/lib 1\.1\.0.*TOKEN/ })
    assert.deepEqual(manager.list(), [])
  })
  await home.offer(says('acme/app', '1.1.0', { ...WANTS, requires: { 'other/lib': '1.0.0' } }))
  await home.with(async (manager) => {
    const { installed } = await manager.installAll(['acme/app'], { grants: ['env=TOKEN'] })
    assert.deepEqual(
      installed.map(({ name, permissions }) => [name, permissions.env]),
      [
        ['other/lib', []],
        ['acme/app', ['TOKEN']],
      ],
    )
  })
})

test('a grant to an update is none to what the update brings along', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'))
  await home.with((manager) => manager.installAll(['acme/app'], { consent: yes }))
  await home.offer(says('acme/app', '1.1.0', { ...WANTS, ...NEEDS }), says('other/lib', '1.0.0', WANTS))
  await home.with(async (manager) => {
    const update = manager.update(['acme/app'], { grants: ['env=TOKEN'] })
    await assert.rejects(update, { code: 'CONSENT_NEEDED', message: /other\/lib 1\.0\.0/ })
    assert.deepEqual(
      manager.list().map(({ version }) => version),
      ['1.0.0'],
    )
  })
})

test('an older version of a plugin that is allowed brings no older version of what it needs', async (t) => {
  const home = await suppliedHome(t)
  await home.offer(
    says('acme/app', '1.0.0', { requires: { 'other/lib': '^1' } }),
    says('acme/app', '2.0.0'),
    says('other/lib', '1.0.0'),
    says('other/lib', '2.0.0'),
  )
  await home.with(async (manager) => {
    await manager.installAll(['acme/app', 'other/lib'], { consent: yes })
    await manager.remove('other/lib', { purge: true })
    const back = { consent: yes, allowDowngrade: true }
    await assert.rejects(manager.installAll(['acme/app@1.0.0'], back), { code: 'DOWNGRADE_REFUSED' })
    await assert.rejects(manager.update(['acme/app'], { ...back, to: '1.0.0' }), { code: 'DOWNGRADE_REFUSED' })
    const named = await manager.installAll(['acme/app@1.0.0', 'other/lib@1.0.0'], back)
    assert.equal(named.installed.length, 2)
  })
})

test('a security update of a plugin takes nothing young of anybody else', async (t) => {
  const home = await suppliedHome(t)
  const publishedAt = new Date(Date.now() - 60_000).toISOString().replace(/\.\d+/, '')
  await home.offer({ ...says('acme/app', '1.0.0', NEEDS), publishedAt }, { ...says('other/lib', '1.0.0'), publishedAt })
  // Nor does a registry that keeps its dates to itself help.
  for (const name of ['acme/app', 'other/lib'])
    home.shelf.tamper((text) => text.replace(/"listedAt":"[^"]*",/, ''), `index/${name}.json`)
  home.configure({ updates: { minimumAge: '7d' } })
  await home.with(async (manager) => {
    const urgent = { consent: yes, securityUpdate: 'a hole' }
    const refused = { code: 'RELEASE_TOO_YOUNG', message: /other\/lib/ }
    await assert.rejects(manager.installAll(['acme/app'], urgent), refused)
    assert.equal((await manager.installAll(['acme/app', 'other/lib'], urgent)).installed.length, 2)
  })
})
