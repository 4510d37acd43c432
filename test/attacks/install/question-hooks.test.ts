// A plugin that asks for little has a hook that asks for much: it is run by the installation itself, and who is asked must see that.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consentText } from '../../../src/cli/consent-text.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { says } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

/** What somebody who declines has read. */
async function read(attacked: AttackedHome, version: string, more: object): Promise<string> {
  const path = attacked.download(attacked.publisher.publish(says('acme/hello', version, more)))
  let text = ''
  const consent = (question: Parameters<typeof consentText>[0]) => {
    text = consentText(question, 80)
    return false
  }
  await attacked.with((manager) => assert.rejects(manager.install(path, { consent }), { code: 'CONSENT_REFUSED' }))
  return text
}

const GREEDY = { path: 'bin/x', limits: { memory: '900M', timeout: '1h' } }
const MODEST = { path: 'bin/x', limits: { memory: '64M' } }

test('limits and a runtime that a hook has of its own are shown at a first install', async (t) => {
  const attacked = await AttackedHome.make(t)
  const text = await read(attacked, '1.0.0', {
    health: MODEST,
    hooks: { postinstall: GREEDY, preremove: { ...MODEST, runtime: 'python' } },
  })
  const row = /^ {2}runs itself {2}(.*\n(?: {2}\| .*\n)*)/m.exec(text)?.[1]?.replaceAll(/\n(?: {2}\|)?/g, '')
  assert.equal(row, 'health, postinstall (memory 900M, time 60m), preremove (python)')
})

test('so is the runtime of a hook that is new', { skip: cannotLaunch }, async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install(says('acme/hello', '1.0.0', { health: MODEST }))
  const own = { health: MODEST, hooks: { preremove: MODEST } }
  assert.doesNotMatch(await read(attacked, '1.1.0', own), /runs under/)
  const other = { health: MODEST, hooks: { preremove: { ...MODEST, runtime: 'python' } } }
  assert.match(await read(attacked, '1.1.1', other), /^\+ runs under {3}python \(of preremove\)$/m)
})
