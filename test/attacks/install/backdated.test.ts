// Whoever holds a stolen key can sign any date. A release is as old as the youngest word about it.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Layout } from '../../../src/core/layout.ts'
import { assertOldEnough } from '../../../src/manager/release-age.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { startSigstore } from '../../helpers/sigstore/sigstore.ts'
import { stamped } from '../../helpers/sigstore/stamped.ts'
import { onHost, verified } from '../../manager/consenting.ts'

const BACKDATED = { publishedAt: '2020-01-01T00:00:00Z' }
const DAY = 86_400_000

async function withAge(t: Parameters<typeof AttackedHome.make>[0], minimumAge = '7d'): Promise<AttackedHome> {
  const attacked = await AttackedHome.make(t)
  writeFileSync(join(attacked.home, 'config.json'), JSON.stringify({ updates: { minimumAge } }), { mode: 0o600 })
  return attacked
}

test('a release that its publisher dates back is as young as the registry took it in', async (t) => {
  const attacked = await withAge(t)
  const path = attacked.download(attacked.publisher.publish(BACKDATED))
  await onHost(new Layout(attacked.home), async (host) => {
    const release = await verified(host, path)
    const judge = (listedAtMs: number | null) => () =>
      assertOldEnough(host, release.verified, { listed: { listedAtMs } })
    assert.throws(judge(Date.now()), { code: 'RELEASE_TOO_YOUNG' })
    assert.throws(
      judge(Date.now() + 365 * DAY),
      { code: 'RELEASE_TOO_YOUNG' },
      'nor does a date in the future make it older',
    )
    assert.doesNotThrow(judge(Date.now() - 8 * DAY))
  })
})

test('a registry that dates back takes nothing from what its publisher says', async (t) => {
  const attacked = await withAge(t)
  const path = attacked.download(attacked.publisher.publish({ publishedAt: new Date().toISOString() }))
  await onHost(new Layout(attacked.home), async (host) => {
    const release = await verified(host, path)
    assert.throws(() => assertOldEnough(host, release.verified, { listed: { listedAtMs: 0 } }), {
      code: 'RELEASE_TOO_YOUNG',
    })
  })
})

test('a release that its publisher dates back is as young as a trusted third party saw its signature', async (t) => {
  await using sigstore = await startSigstore()
  const attacked = await withAge(t)
  const roots = join(attacked.home, 'roots')
  mkdirSync(roots, { mode: 0o755 })
  writeFileSync(join(roots, 'local.json'), sigstore.trustedRootBytes, { mode: 0o644 })
  const release = attacked.publisher.publish(BACKDATED)
  const unseen = attacked.download(release)
  const seen = attacked.download({ ...release, bundle: stamped(release.bundle, sigstore) })
  await attacked.with(async (manager) => {
    await assert.rejects(manager.install(seen, { consent: () => true }), {
      code: 'RELEASE_TOO_YOUNG',
      message: /says a trusted log or timestamp\)/,
    })
    // Without a third party there is nobody to contradict a file; the registry's word is what a host has then.
    assert.equal((await manager.install(unseen, { consent: () => true })).version, '1.0.0')
  })
})
