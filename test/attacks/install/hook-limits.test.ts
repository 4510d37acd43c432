// A hook has limits of its own. Whoever agrees beforehand that there is a hook has not agreed that it gets more than the plugin.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'

const HUNGRY = {
  hooks: {
    postinstall: { runtime: 'exec', path: 'bin/hook', limits: { memory: '900M', timeout: '1h', processes: 500 } },
  },
}
const MODEST = { hooks: { postinstall: { runtime: 'exec', path: 'bin/hook', limits: { memory: '64M' } } } }
const hook = { grants: ['hook=postinstall'] }

test('a grant of a hook, and a policy with it, agree to no more than the plugin has', async (t) => {
  const home = await suppliedHome(t)
  const release = (version: string, more: object) =>
    home.download(home.shelf.publisher.publish(says('acme/app', version, more, { 'bin/hook': '#!/bin/sh\n' })))
  await home.with(async (manager) => {
    const refused = { code: 'CONSENT_NEEDED', message: /memory 900M.*of postinstall/ }
    await assert.rejects(manager.install(release('1.0.0', HUNGRY), hook), refused)
    await manager.install(release('1.0.0', {}), { consent: () => true })
    await assert.rejects(manager.install(release('1.1.0', HUNGRY), hook), refused)
  })
  home.configure({ consent: { 'acme/*': { hooks: ['postinstall'] } } })
  await home.with(async (manager) => {
    await assert.rejects(manager.install(release('1.1.0', HUNGRY), {}), { code: 'CONSENT_NEEDED' })
    assert.equal(manager.list()[0]?.version, '1.0.0')
    const more = ['limit=memory:900M', 'limit=timeout:1h', 'limit=processes:500']
    const agreed = manager.preview(release('1.1.0', HUNGRY))
    assert.deepEqual(
      (await agreed).widening?.limits.map(({ limit, hook: of }) => [limit, of]),
      [
        ['memoryBytes', 'postinstall'],
        ['processesMax', 'postinstall'],
        ['timeoutMs', 'postinstall'],
      ],
    )
    await assert.rejects(manager.install(release('1.1.0', HUNGRY), { grants: more.slice(1) }), {
      code: 'CONSENT_NEEDED',
    })
  })
})

test('a hook with no more than the plugin is agreed to by its name alone', async (t) => {
  const home = await suppliedHome(t)
  const spec = says('acme/app', '1.0.0', MODEST, { 'bin/hook': '#!/bin/sh\n' })
  await home.with(async (manager) => {
    const question = await manager.preview(home.download(home.shelf.publisher.publish(spec)))
    assert.deepEqual([question.missing?.hooks, question.missing?.limits], [['postinstall'], []])
  })
})
