// A trusted root that is taken out, or loses its timestamp authorities, puts away nothing that was good before.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleOf, Layout } from '../../../src/core/layout.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { edited } from '../../helpers/edited.ts'
import { startSigstore } from '../../helpers/sigstore/sigstore.ts'
import { stamped } from '../../helpers/sigstore/stamped.ts'

test('without the root that knows its timestamp authority, a plugin is told to be refused and not put away', async (t) => {
  await using sigstore = await startSigstore()
  const attacked = await AttackedHome.make(t)
  const roots = join(attacked.home, 'roots')
  const root = join(roots, 'local.json')
  mkdirSync(roots, { mode: 0o755 })
  writeFileSync(root, sigstore.trustedRootBytes, { mode: 0o644 })
  const release = attacked.publisher.publish()
  const bundle = stamped(release.bundle, sigstore)
  await attacked.with(async (manager) => {
    await manager.install(attacked.download({ ...release, bundle }), { consent: () => true })
    const verdict = async () => {
      const [result] = await manager.verifyAll({ quarantine: true })
      return [result?.error?.code ?? 'OK', manager.list()[0]?.state]
    }
    assert.deepEqual(await verdict(), ['OK', 'installed'])
    rmSync(root)
    assert.deepEqual(await verdict(), ['TIMESTAMP_INVALID', 'installed'])
    writeFileSync(root, JSON.stringify({ ...sigstore.trustedRoot, timestampAuthorities: [] }))
    assert.deepEqual(await verdict(), ['TIMESTAMP_INVALID', 'installed'])
    writeFileSync(root, sigstore.trustedRootBytes)
    assert.deepEqual(await verdict(), ['OK', 'installed'])
    // Of an authority that is known, over another signature: the bundle was changed.
    const layout = new Layout(attacked.home)
    const path = bundleOf(layout.release('acme/hello' as PluginName, '1.0.0', manager.list()[0]?.sha256 as never))
    const other = stamped(attacked.publisher.publish({ version: '2.0.0' }).bundle, sigstore)
    const { verificationMaterial } = JSON.parse(other.toString()) as {
      verificationMaterial: { timestampVerificationData: { rfc3161Timestamps: { signedTimestamp: string }[] } }
    }
    const stolen = verificationMaterial.timestampVerificationData
    writeFileSync(path, edited(bundle, ['verificationMaterial', 'timestampVerificationData'], stolen))
    assert.deepEqual(await verdict(), ['TIMESTAMP_INVALID', 'quarantined'])
  })
})
