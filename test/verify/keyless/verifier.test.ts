import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parseTrustedRoot } from '../../../src/verify/keyless/trusted-root.ts'
import type { PolicyDocument, TrustedIdentity } from '../../../src/verify/policy-document.ts'
import type { Roots } from '../../../src/verify/roots.ts'
import { buildStatement } from '../../../src/verify/statement.ts'
import { authority, policyOf, staged, trusting } from '../../helpers/authority.ts'
import { verdictOf, verifierFor } from '../../helpers/examine.ts'
import { person, workflow } from '../../helpers/sigstore/issuer.ts'
import { type KeylessOptions, keylessLine } from '../../helpers/sigstore/keyless.ts'
import { startSigstore } from '../../helpers/sigstore/sigstore.ts'

const sigstore = await startSigstore()
after(() => sigstore.close())
const root = parseTrustedRoot(sigstore.trustedRootBytes, 'local')
const elsewhere = await startSigstore()
after(() => elsewhere.close())
const roots: Roots = { find: async () => root, all: async () => [root] }

const alice = await authority()
const release = alice.publish()
const payload = buildStatement(release.statement)
const WORKFLOW = workflow('acme/plugins')
/** As Fulcio writes it into the certificate. */
const SAN = `https://github.com/${String(WORKFLOW.job_workflow_ref)}`
const installed = { name: release.statement.name, version: release.statement.version }

const line = (options: KeylessOptions = {}, from = sigstore) => keylessLine(from, payload, options)
const sealed = async (...lines: (Buffer | Promise<Buffer>)[]) =>
  staged(release.tarball, Buffer.concat(await Promise.all(lines)))

/** The workflow is trusted for `acme/*`, and whoever `also` names beside it. */
function policy(change: Partial<TrustedIdentity> = {}, more: Partial<PolicyDocument> = {}) {
  const issuer = sigstore.urls.issuer
  return policyOf({
    version: 1,
    principals: [
      { id: 'acme', keys: [], identities: [{ issuer, identity: SAN, root: 'local', ...change }] },
      alice.principal,
    ],
    rules: [{ pattern: 'acme/*', principals: ['acme'], threshold: 1 }],
    revocations: [],
    ...more,
  })
}

const codeOf = (of: ReturnType<typeof policy>, tarball: Awaited<ReturnType<typeof sealed>>) =>
  verdictOf(of, tarball, {}, { roots })

test('accepts what the trusted identity signed, by either log, and says what third parties saw', async () => {
  for (const rekor of [1, 2] as const) {
    const tarball = await sealed(line({ rekor: [rekor] }))
    const { checks, verdict } = await verifierFor(policy(), { roots }).examine(tarball)
    assert.ok(verdict.ok, verdict.ok ? '' : verdict.error.message)
    const { signers, evidence, seenAtMs, predicates } = verdict.value.verified
    assert.ok(Math.abs((seenAtMs ?? 0) - Date.now()) < 600_000, `third parties saw it at ${seenAtMs}`)
    assert.deepEqual(predicates, [])
    assert.deepEqual(signers, [{ id: `${sigstore.urls.issuer} ${SAN}`, kind: 'keyless', principal: 'acme' }])
    assert.deepEqual(
      evidence.roots.map(({ name, digest }) => ({ name, digest })),
      [{ name: 'local', digest: root.digest }],
    )
    for (const row of ['log', 'timestamp']) assert.equal(checks.find(({ check }) => check === row)?.result, 'pass', row)
    assert.ok((await verifierFor(policy(), { roots }).reexamine(tarball.bundle as Buffer, installed)).verdict.ok)
  }
})

test('issuer and identity are compared whole, character by character', async () => {
  const tarball = await sealed(line())
  for (const identity of [SAN.slice(0, -1), `${SAN}x`, SAN.toUpperCase(), SAN.replace('.', 'x'), '.*'])
    assert.equal(await codeOf(policy({ identity }), tarball), 'SIGNER_NOT_TRUSTED', identity)
  for (const issuer of [
    `${sigstore.urls.issuer}/`,
    'https://token.actions.githubusercontent.com',
    elsewhere.urls.issuer,
  ])
    assert.equal(await codeOf(policy({ issuer }), tarball), 'SIGNER_NOT_TRUSTED', issuer)
  const malice = await sealed(line({ identity: person('malice@example.com') }))
  assert.equal(await codeOf(policy({ identity: 'alice@example.com' }), malice), 'SIGNER_NOT_TRUSTED')
})

test('the numbers of repository and owner are compared where the policy has them', async () => {
  const tarball = await sealed(line())
  const repositoryId = String(WORKFLOW.repository_id)
  const ownerId = String(WORKFLOW.repository_owner_id)
  assert.equal(await codeOf(policy({ repositoryId, ownerId }), tarball), 'OK')
  assert.equal(await codeOf(policy({ repositoryId: `${repositoryId}0` }), tarball), 'SIGNER_NOT_TRUSTED')
  assert.equal(await codeOf(policy({ ownerId: '1' }), tarball), 'SIGNER_NOT_TRUSTED')
  const someone = await sealed(line({ identity: person('alice@example.com') }))
  const withNumber = policy({ identity: 'alice@example.com', repositoryId })
  assert.equal(await codeOf(withNumber, someone), 'SIGNER_NOT_TRUSTED')
})

test('the certificate of another Sigstore is refused, whatever it says', async () => {
  const issuer = elsewhere.urls.issuer
  // What this root does not know first is the log.
  assert.equal(await codeOf(policy({ issuer }), await sealed(line({}, elsewhere))), 'LOG_INVALID')
})

test('an identity whose root is not there is refused, and says which', async () => {
  const { verdict } = await verifierFor(policy()).examine(await sealed(line()))
  assert.ok(!verdict.ok)
  assert.equal(verdict.error.code, 'ROOT_NOT_FOUND')
  assert.match(verdict.error.message, /"?local"?/)
})

test('key and certificate together are two signers, of one principal one', async () => {
  const both = await sealed(release.bundle, line())
  const rules = [{ pattern: 'acme/*', principals: ['acme', alice.keyId], threshold: 2 }]
  assert.equal(await codeOf(policy({}, { rules }), both), 'OK')
  const identities = policy().document.principals[0]?.identities ?? []
  const one = [{ id: 'acme', keys: alice.principal.keys, identities }]
  const document = { version: 1, principals: one, revocations: [] } as const
  const single = policyOf({ ...document, rules: [{ pattern: 'acme/*', principals: ['acme'], threshold: 2 }] })
  assert.equal(await codeOf(single, both), 'THRESHOLD_NOT_MET')
})

test('a key where the policy knows an identity, and the reverse, are strangers', async () => {
  assert.equal(await codeOf(policy(), release.staged), 'SIGNER_NOT_TRUSTED')
  assert.equal(await codeOf(trusting([alice]), await sealed(line())), 'SIGNER_NOT_TRUSTED')
})

test('revoked since a time, what was seen before is spared, and only that', async () => {
  const tarball = await sealed(line())
  const since = (ms: number) => [
    {
      target: `${sigstore.urls.issuer} ${SAN}`,
      reason: 'the workflow was taken over',
      at: '2026-11-20T00:00:00Z',
      since: new Date(Date.now() + ms).toISOString(),
    },
  ]
  assert.equal(await codeOf(policy({}, { revocations: since(3_600_000) }), tarball), 'OK')
  assert.equal(await codeOf(policy({}, { revocations: since(-3_600_000) }), tarball), 'KEY_REVOKED')
  // A key that nobody has timestamped could have signed at any time.
  const keyed = { target: alice.keyId, reason: 'stolen', at: '2026-11-20T00:00:00Z', since: '2099-01-01T00:00:00Z' }
  assert.equal(await codeOf(trusting([alice], 'acme/*', { revocations: [keyed] }), release.staged), 'KEY_REVOKED')
})
