import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STATEMENT_TYPE } from '../../src/core/statement.ts'
import { authority, packed, policyOf, staged, trusting } from '../helpers/authority.ts'
import { verdictOf, verifierFor } from '../helpers/examine.ts'

const PROVENANCE = 'https://slsa.dev/provenance/v1'
const alice = await authority()
const bob = await authority()
const tarball = packed()
const { sha256, sha512 } = staged(tarball, null)

/** As npm writes it for a published package. */
const NPM = { name: 'pkg:npm/%40acme/hello@1.0.0', digest: { sha512 } }
/** As GitHub and cosign write it for a file. */
const FILE = { name: 'acme-hello-1.0.0.tgz', digest: { sha256 } }

const statement = (subject: readonly object[], more: object = {}) => ({
  _type: STATEMENT_TYPE,
  subject,
  predicateType: PROVENANCE,
  predicate: { buildDefinition: {} },
  ...more,
})
const signed = (subject: readonly object[], more: object = {}, by = alice) =>
  staged(tarball, by.sign(statement(subject, more)))

function accepting(predicates: readonly string[] = [PROVENANCE], threshold = 1) {
  const { document } = trusting([alice, bob])
  return policyOf({ ...document, rules: document.rules.map((rule) => ({ ...rule, threshold, predicates })) })
}

test('a statement of another tool counts where the rule names its type, and nowhere else', async () => {
  for (const subject of [NPM, FILE]) {
    assert.equal(await verdictOf(accepting(), signed([subject])), 'OK')
    assert.equal(await verdictOf(trusting([alice]), signed([subject])), 'PREDICATE_NOT_ACCEPTED')
    assert.equal(await verdictOf(accepting([`${PROVENANCE}/x`]), signed([subject])), 'PREDICATE_NOT_ACCEPTED')
  }
})

test('the statement type of npm and cosign before v1 is read, and no other', async () => {
  assert.equal(await verdictOf(accepting(), signed([NPM], { _type: 'https://in-toto.io/Statement/v0.1' })), 'OK')
  assert.equal(
    await verdictOf(accepting(), signed([NPM], { _type: 'https://in-toto.io/Statement/v2' })),
    'STATEMENT_INVALID',
  )
})

test('what it leaves unsaid is recorded, and said to be', async () => {
  const { checks, verdict } = await verifierFor(accepting()).examine(signed([FILE]))
  assert.ok(verdict.ok)
  const { fileList, statement, predicates, seenAtMs } = verdict.value.verified
  assert.equal(fileList, 'recorded')
  assert.deepEqual([predicates, seenAtMs], [[PROVENANCE], null], 'a key alone tells no time')
  assert.deepEqual(
    statement.files.map(({ path }) => path),
    ['main.js', 'plugin.json'],
  )
  const row = checks.find(({ check }) => check === 'files')
  assert.match(row?.detail ?? '', /2 files, not listed by the signers: recorded by this host/)
})

test('it must be about this tarball, by every digest it gives that can be computed', async () => {
  const cases: [object[], string][] = [
    [[{ name: 'x', digest: { sha256: '0'.repeat(64) } }], 'DIGEST_MISMATCH'],
    [[{ name: 'x', digest: { sha256, sha512: '0'.repeat(128) } }], 'DIGEST_MISMATCH'],
    [[{ name: 'x', digest: { sha1: '00' } }], 'DIGEST_MISMATCH'],
    [[{ name: 'x', digest: {} }], 'DIGEST_MISMATCH'],
    [[], 'DIGEST_MISMATCH'],
    [[{ name: 'other.tgz', digest: { sha256: '0'.repeat(64) } }, FILE], 'OK'],
    [[{ name: 'x', digest: { sha256: sha256.toUpperCase() } }], 'STATEMENT_INVALID'],
  ]
  for (const [subject, code] of cases) assert.equal(await verdictOf(accepting(), signed(subject)), code)
})

test('a package URL must be that of the plugin inside', async () => {
  const named = (name: string) => signed([{ name, digest: { sha512 } }])
  assert.equal(await verdictOf(accepting(), named('pkg:npm/%40acme/hello@1.0.0')), 'OK')
  for (const name of [
    'pkg:npm/%40acme/hello@1.0.1',
    'pkg:npm/%40acme/other@1.0.0',
    'pkg:npm/hello@1.0.0',
    'pkg:npm/%40acme/hello@1.0.0?x=y',
    'pkg:pypi/hello@1.0.0',
  ])
    assert.equal(await verdictOf(accepting(), named(name)), 'SUBJECT_MISMATCH', name)
})

test('the name in the tarball decides which rule holds', async () => {
  const policy = policyOf({
    ...accepting().document,
    rules: [
      { pattern: 'other/*', principals: [alice.keyId], threshold: 1, predicates: [PROVENANCE] },
      { pattern: 'acme/*', principals: [bob.keyId], threshold: 1, predicates: [PROVENANCE] },
    ],
  })
  assert.equal(await verdictOf(policy, signed([FILE])), 'SIGNER_NOT_TRUSTED')
  assert.equal(await verdictOf(policy, signed([FILE], {}, bob)), 'OK')
})

test('beside a release of our own it is one more signer, where it is accepted', async () => {
  const release = alice.publish()
  const about = { name: 'x', digest: { sha256: release.statement.sha256 } }
  const both = staged(release.tarball, Buffer.concat([release.bundle, bob.sign(statement([about]))]))
  assert.equal(await verdictOf(accepting([PROVENANCE], 2), both), 'OK')
  assert.equal(await verdictOf(trusting([alice, bob], 'acme/*', { threshold: 2 }), both), 'THRESHOLD_NOT_MET')
  const { verified } = await verifierFor(accepting([PROVENANCE], 2)).verify(both)
  assert.equal(verified.fileList, 'signed')
  const lie = staged(
    release.tarball,
    Buffer.concat([release.bundle, bob.sign(statement([{ ...about, digest: { sha256: '0'.repeat(64) } }]))]),
  )
  assert.equal(await verdictOf(accepting([PROVENANCE], 2), lie), 'DIGEST_MISMATCH')
})

test('what is ours and no release is never taken for a statement of another tool', async () => {
  const type = 'https://bulkhead.dev/attestation/rotation/v1'
  assert.equal(
    await verdictOf(accepting([PROVENANCE, type]), signed([FILE], { predicateType: type })),
    'STATEMENT_INVALID',
  )
})

test('installed: the files recorded then are what counts now, and without them nothing runs', async () => {
  const bundle = signed([FILE]).bundle ?? Buffer.alloc(0)
  const { verified } = await verifierFor(accepting()).verify(signed([FILE]))
  const kept = { name: verified.statement.name, version: verified.statement.version }
  const verifier = verifierFor(accepting())
  const again = await verifier.reverify(bundle, { ...kept, recorded: verified.statement })
  assert.equal(again.fileList, 'recorded')
  await assert.rejects(verifier.reverify(bundle, kept), { code: 'MODIFIED' })
  const other = { ...verified.statement, sha256: '0'.repeat(64) as never }
  await assert.rejects(verifier.reverify(bundle, { ...kept, recorded: other }), { code: 'DIGEST_MISMATCH' })
})
