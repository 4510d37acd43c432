// A rotation puts any public key beside the one that signs it, also that of somebody who knows nothing of it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { authority } from '../../helpers/authority.ts'
import { rotationOf } from '../../helpers/rotation.ts'

test('who claims the key of another publisher signs nothing of theirs once that one is trusted', async (t) => {
  const attacked = await AttackedHome.make(t)
  const victim = await authority()
  const file = join(attacked.base, 'rotation.json')
  writeFileSync(file, rotationOf(attacked.publisher, victim))
  const stolen = attacked.download(attacked.publisher.publish({ name: 'victim/tool' }))
  await attacked.with(async (manager) => {
    const { trust } = manager
    const pattern = 'victim/*'
    await trust.rotate(file, { consent: () => true })
    const refusal = { code: 'USAGE', message: new RegExp(`belongs to ${attacked.publisher.keyId}`) }
    await assert.rejects(trust.add(attacked.keyFile(victim), { pattern }), refusal)
    await assert.rejects(manager.install(stolen, { consent: () => true }), { code: 'SIGNER_NOT_TRUSTED' })
    // As the hint says: taken from who claimed it, it stands for itself.
    await trust.remove(victim.keyId)
    await trust.add(attacked.keyFile(victim), { pattern })
    await assert.rejects(manager.install(stolen, { consent: () => true }), { code: 'SIGNER_NOT_TRUSTED' })
    const own = attacked.download(victim.publish({ name: 'victim/tool' }))
    assert.equal((await manager.install(own, { consent: () => true })).version, '1.0.0')
  })
})

test('a key that joined a principal is trusted for more where that principal is named, or signs already', async (t) => {
  const attacked = await AttackedHome.make(t)
  const next = await authority()
  const file = join(attacked.base, 'rotation.json')
  writeFileSync(file, rotationOf(attacked.publisher, next))
  await attacked.with(async ({ trust }) => {
    await trust.rotate(file, { consent: () => true })
    await trust.add(attacked.keyFile(next), { pattern: 'acme/*', validUntil: '2099-01-01T00:00:00Z' })
    await trust.add(attacked.keyFile(next), { pattern: 'more/*', principal: attacked.publisher.keyId })
    assert.deepEqual(
      trust.list()[0]?.patterns.map(({ pattern }) => pattern),
      ['acme/*', 'more/*'],
    )
  })
})

test('a countersigner who claims the key of a publisher does not publish, nor a publisher countersign', async (t) => {
  const attacked = await AttackedHome.make(t)
  const [market, victim, auditor] = await Promise.all([authority(), authority(), authority()])
  const written = (name: string, bytes: Buffer) => {
    writeFileSync(join(attacked.base, name), bytes)
    return join(attacked.base, name)
  }
  await attacked.with(async ({ trust }) => {
    const pattern = 'acme/*'
    const consent = () => true
    await trust.add(attacked.keyFile(market), { pattern, countersigner: true })
    await trust.rotate(written('market.json', rotationOf(market, victim)), { consent })
    await assert.rejects(trust.add(attacked.keyFile(victim), { pattern }), { code: 'USAGE' })
    await trust.rotate(written('publisher.json', rotationOf(attacked.publisher, auditor)), { consent })
    await assert.rejects(trust.add(attacked.keyFile(auditor), { pattern, countersigner: true }), { code: 'USAGE' })
  })
})
