import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAYLOAD_TYPE } from '../../src/core/statement.ts'
import { buildRotation, parseRotation, rotationSigner } from '../../src/verify/rotation.ts'
import { type Authority, authority } from '../helpers/authority.ts'

const TIMES = { validFrom: '2026-12-01T00:00:00Z', oldValidUntil: '2027-01-01T00:00:00Z' }

async function rotation() {
  const [old, next, stranger] = await Promise.all([authority(), authority(), authority()])
  const stated = { oldKeyId: old.key.publicKey.id, newPublicKey: next.key.publicKey, ...TIMES }
  return { old, next, stranger, stated, payload: buildRotation(stated) }
}
type Scene = Awaited<ReturnType<typeof rotation>>

test('what the old key says about the new one is read back, with the bytes as evidence', async () => {
  const { old, stated, payload } = await rotation()
  const file = old.sign(payload)
  assert.equal(rotationSigner(file), old.keyId)
  assert.deepEqual(await parseRotation(file, old.key.publicKey), { ...stated, payload })
  const plain = buildRotation({ ...stated, validFrom: null, oldValidUntil: null })
  const read = await parseRotation(old.sign(plain), old.key.publicKey)
  assert.deepEqual([read.validFrom, read.oldValidUntil], [null, null])
})

test('only the old key can name the new one', async () => {
  const { old, next, stranger, payload } = await rotation()
  for (const forger of [next, stranger]) {
    await assert.rejects(parseRotation(forger.sign(payload), old.key.publicKey), { code: 'SIGNER_NOT_TRUSTED' })
  }
  // A stranger's signature under the old key's name.
  const forged = JSON.parse(stranger.sign(payload).toString().replaceAll(stranger.keyId, old.keyId))
  await assert.rejects(parseRotation(bytesOf(forged), old.key.publicKey), { code: 'SIGNATURE_INVALID' })
  // The attack that the comparison of oldKeyId is for: a publisher whom the host knows retires somebody else's key.
  await assert.rejects(parseRotation(stranger.sign(payload), stranger.key.publicKey), {
    code: 'STATEMENT_INVALID',
    message: /must be the key that signed/,
  })
})

test('a rotation whose payload was changed after it was signed is refused', async () => {
  const { old, stranger, payload } = await rotation()
  const file = JSON.parse(old.sign(payload).toString())
  const other = buildRotation({
    oldKeyId: old.key.publicKey.id,
    newPublicKey: stranger.key.publicKey,
    validFrom: null,
    oldValidUntil: null,
  })
  file.dsseEnvelope.payload = other.toString('base64')
  await assert.rejects(parseRotation(bytesOf(file), old.key.publicKey), { code: 'SIGNATURE_INVALID' })
})

const bytesOf = (json: unknown): Buffer => Buffer.from(`${JSON.stringify(json)}\n`)

const faults: readonly [string, (statement: never, scene: Scene) => unknown][] = [
  ['another predicate type', (s: object) => ({ ...s, predicateType: 'https://bulkhead.dev/attestation/release/v1' })],
  [
    'a key that is its own successor',
    (s: Stated, { old }: Scene) => ({
      ...s,
      subject: subjectOf(old),
      predicate: { ...s.predicate, newPublicKey: raw(old) },
    }),
  ],
  ['a subject that is another key', (s: Stated, { stranger }: Scene) => ({ ...s, subject: subjectOf(stranger) })],
  [
    'a digest that is another',
    (s: Stated) => ({ ...s, subject: [{ ...s.subject[0], digest: { sha256: '0'.repeat(64) } }] }),
  ],
  [
    'a digest of another kind',
    (s: Stated) => ({ ...s, subject: [{ ...s.subject[0], digest: { sha512: '0'.repeat(128) } }] }),
  ],
  ['two subjects', (s: Stated) => ({ ...s, subject: [s.subject[0], s.subject[0]] })],
  [
    'a key of small order',
    (s: Stated) => ({ ...s, predicate: { ...s.predicate, newPublicKey: Buffer.alloc(32).toString('base64') } }),
  ],
  ['a key that is too short', (s: Stated) => ({ ...s, predicate: { ...s.predicate, newPublicKey: 'AAAA' } })],
  ['no old key', (s: Stated) => ({ ...s, predicate: { ...s.predicate, oldKeyId: undefined } })],
  ['a time that is none', (s: Stated) => ({ ...s, predicate: { ...s.predicate, validFrom: 'tomorrow' } })],
  [
    'a gap between the two keys',
    (s: Stated) => ({ ...s, predicate: { ...s.predicate, validFrom: '2028-01-01T00:00:00Z' } }),
  ],
] as never
interface Stated {
  subject: { name: string; digest: object }[]
  predicate: object
}
const raw = (of: Authority): string => of.key.publicKey.raw.toString('base64')
const subjectOf = (of: Authority) => [{ name: of.keyId, digest: { sha256: of.keyId.slice(8) } }]

for (const [title, change] of faults) {
  test(`refuses a rotation with ${title}`, async () => {
    const scene = await rotation()
    const statement = change(JSON.parse(scene.payload.toString()) as never, scene)
    await assert.rejects(parseRotation(scene.old.sign(statement as object), scene.old.key.publicKey), {
      code: 'STATEMENT_INVALID',
      exitCode: 3,
    })
  })
}

test('refuses a rotation of another payload type, and two in one file', async () => {
  const { old, payload } = await rotation()
  await assert.rejects(parseRotation(old.sign(payload, 'application/json'), old.key.publicKey), {
    code: 'STATEMENT_INVALID',
  })
  const twice = Buffer.concat([old.sign(payload), old.sign(payload, PAYLOAD_TYPE)])
  await assert.rejects(parseRotation(twice, old.key.publicKey), { code: 'STATEMENT_INVALID' })
  await assert.rejects(parseRotation(Buffer.from('{}'), old.key.publicKey), { code: 'BUNDLE_MALFORMED' })
})
