// A release is tried out before it comes in, for as long as its hooks like. What is revoked in that time must not take the place of
// what is installed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginManager } from '../../../src/index.ts'
import { says, suppliedHome } from '../../helpers/supplied-home.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const SLOW = { 'bin/slow': '#!/bin/sh\ni=0\nwhile [ $i -lt 200000 ]; do i=$((i + 1)); done\n' }
const TRIED = { health: { path: 'bin/slow' } }
const skip = { skip: cannotLaunch }

/** Revokes a release as soon as it is run. */
function revoking(manager: PluginManager, target: string) {
  let isRevoked = false
  return () => {
    if (!isRevoked) void manager.trust.revoke({ target, reason: 'it steals' })
    isRevoked = true
  }
}

test('a release that is revoked while it is tried out does not come in', skip, async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0'), says('acme/app', '1.1.0', TRIED, SLOW))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: () => true })
    const onProgress = running(revoking(manager, 'acme/app@1.1.0'))
    const update = manager.update(['acme/app'], { consent: () => true, onProgress })
    await assert.rejects(update, { code: 'RELEASE_REVOKED' })
    assert.deepEqual([manager.list()[0]?.version, manager.list()[0]?.kept], ['1.0.0', []])
  })
})

test('nor is it gone back to', skip, async (t) => {
  const home = await suppliedHome(t)
  await home.offer(says('acme/app', '1.0.0', TRIED, SLOW), says('acme/app', '1.1.0'))
  await home.with(async (manager) => {
    await manager.installAll(['acme/app@1.0.0'], { consent: () => true })
    await manager.installAll(['acme/app@1.1.0'], { consent: () => true })
    const onProgress = running(revoking(manager, 'acme/app@1.0.0'))
    await assert.rejects(manager.rollback('acme/app', { onProgress }), { code: 'RELEASE_REVOKED' })
    assert.equal(manager.list()[0]?.version, '1.1.0')
  })
})

const running =
  (then: () => void) =>
  (progress: object): void => {
    if ('text' in progress && `${progress.text}`.startsWith('running')) then()
  }
