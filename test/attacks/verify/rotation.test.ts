import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COUNTERSIGNATURE_TYPE, PREDICATE_TYPE, ROTATION_TYPE } from '../../../src/core/statement.ts'
import type { PolicyDocument } from '../../../src/verify/policy-document.ts'
import { readRotation, rotate } from '../../../src/verify/policy-rotation.ts'
import { NO_ROOTS } from '../../../src/verify/roots.ts'
import { type Authority, authority, packed, policyOf, staged, trusting } from '../../helpers/authority.ts'
import { edited } from '../../helpers/edited.ts'
import { NOW, verdictOf } from '../../helpers/examine.ts'
import { rotationOf } from '../../helpers/rotation.ts'

const [publisher, next, reviewer, mallory] = await Promise.all([authority(), authority(), authority(), authority()])
const policy = trusting([publisher, reviewer], 'acme/*')
const document: PolicyDocument = {
  ...policy.document,
  rules: [
    {
      pattern: 'acme/*',
      principals: [publisher.keyId],
      threshold: 1,
      countersigners: [reviewer.keyId],
      countersignatures: 1,
    },
  ],
}
const apply = async (file: Buffer, on = document) => rotate(on, await readRotation(file, policyOf(on), NO_ROOTS), NOW)
const payloadOf = (file: Buffer) =>
  JSON.parse(Buffer.from(JSON.parse(file.toString()).dsseEnvelope.payload, 'base64').toString())
const good = rotationOf(publisher, next)

test('the honest file is taken', async () => {
  assert.equal((await apply(good)).effect.newKey, next.keyId)
})

test('a stranger rotates nobody, under their own name or under that of a key that is trusted', async () => {
  const own = rotationOf(publisher, mallory, { by: mallory })
  await assert.rejects(apply(own), { code: 'SIGNER_NOT_TRUSTED' })
  const renamed = Buffer.from(own.toString().replaceAll(mallory.keyId, publisher.keyId))
  await assert.rejects(apply(renamed), { code: 'SIGNATURE_INVALID' })
})

test('one principal does not retire the key of another, nor give it a new one', async () => {
  await assert.rejects(apply(rotationOf(publisher, mallory, { by: reviewer })), { code: 'STATEMENT_INVALID' })
})

test('a countersigner rotates into a countersigner, never into a publisher', async () => {
  const { document: rotated } = await apply(rotationOf(reviewer, mallory))
  assert.deepEqual(rotated.rules, document.rules)
  const open = { ...rotated, rules: [{ pattern: 'acme/*', principals: [publisher.keyId], threshold: 1 }] }
  assert.equal(await verdictOf(policyOf(open), mallory.publish().staged), 'SIGNER_NOT_TRUSTED')
  assert.equal(await verdictOf(policyOf(open), publisher.publish().staged), 'OK')
})

test('a key of somebody else is not taken over: one signature would count for two principals', async () => {
  await assert.rejects(apply(rotationOf(publisher, reviewer)), { code: 'ROTATION_REFUSED' })
  await assert.rejects(apply(rotationOf(reviewer, publisher)), { code: 'ROTATION_REFUSED' })
})

test('a signed statement of another kind is no rotation, and a rotation is none of them', async () => {
  const statement = payloadOf(good)
  for (const predicateType of [
    PREDICATE_TYPE,
    COUNTERSIGNATURE_TYPE,
    'https://slsa.dev/provenance/v1',
    `${ROTATION_TYPE}/`,
  ])
    await assert.rejects(
      apply(publisher.sign({ ...statement, predicateType })),
      { code: 'STATEMENT_INVALID' },
      predicateType,
    )
  await assert.rejects(apply(publisher.sign(statement, 'text/plain')), { code: 'STATEMENT_INVALID' })
  await assert.rejects(apply(publisher.publish().bundle), { code: 'STATEMENT_INVALID' })
  const tarball = packed()
  assert.equal(await verdictOf(trusting([publisher]), staged(tarball, good)), 'STATEMENT_INVALID')
})

test('every field that is changed after signing is found', async () => {
  const statement = payloadOf(good)
  const key = mallory.key.publicKey.raw.toString('base64')
  const changed = { ...statement, predicate: { ...statement.predicate, newPublicKey: key } }
  const payload = Buffer.from(JSON.stringify(changed)).toString('base64')
  await assert.rejects(apply(edited(good, ['dsseEnvelope', 'payload'], payload)), { code: 'SIGNATURE_INVALID' })
  await assert.rejects(apply(Buffer.concat([good, rotationOf(publisher, mallory)])), { code: 'STATEMENT_INVALID' })
  for (const bytes of ['', '{}', 'null', good.toString().slice(1)])
    await assert.rejects(apply(Buffer.from(bytes)), { code: 'BUNDLE_MALFORMED' })
})

test('a key under which anybody can sign is no new key', async () => {
  const statement = payloadOf(good)
  for (const raw of [Buffer.alloc(32), Buffer.alloc(31, 1), Buffer.alloc(32, 255)]) {
    const predicate = { ...statement.predicate, newPublicKey: raw.toString('base64') }
    await assert.rejects(apply(publisher.sign({ ...statement, predicate })), { code: 'STATEMENT_INVALID' })
  }
})

test('a file that was signed when the principal held other keys moves no key between principals', async () => {
  const { document: rotated } = await apply(good)
  const moved: PolicyDocument = {
    ...rotated,
    principals: rotated.principals.map((one) =>
      one.id === publisher.keyId
        ? { ...one, keys: one.keys.filter(({ id }) => id !== next.keyId) }
        : { ...one, keys: [...one.keys, ...keysOf(next)] },
    ),
  }
  await assert.rejects(apply(good, moved), { code: 'ROTATION_REFUSED', message: /belongs to/ })
})

const keysOf = ({ principal }: Authority) => principal.keys
