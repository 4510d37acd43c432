import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authority, staged, trusting } from '../../helpers/authority.ts'
import { verdictOf } from '../../helpers/examine.ts'

// MCPB's `verify` caught an exception of its own and called every signed file "unsigned".
test('an exception inside the verifier is a refusal of its own: neither a pass nor "unsigned"', async () => {
  const alice = await authority()
  const { tarball, bundle, staged: good } = alice.publish()
  const policy = trusting([alice])
  const boom = () => {
    throw new RangeError('out of something')
  }
  assert.equal(await verdictOf(policy, good, {}, { historyOf: boom }), 'VERIFIER_ERROR')
  assert.equal(await verdictOf(policy, good, {}, { readArchive: boom }), 'VERIFIER_ERROR')
  assert.equal(await verdictOf(policy, good, {}, { readArchive: async () => boom() }), 'VERIFIER_ERROR')
  assert.equal(await verdictOf(policy, good, {}, { readArchive: () => undefined as never }), 'VERIFIER_ERROR')
  // A page of an HTTP error in place of the bundle is malformed; "unsigned" would invite a yes/no question.
  assert.equal(await verdictOf(policy, staged(tarball, Buffer.from('<h1>403</h1>'))), 'BUNDLE_MALFORMED')
  assert.equal(await verdictOf(policy, staged(tarball, Buffer.alloc(0))), 'BUNDLE_MALFORMED')
  assert.equal(await verdictOf(policy, staged(tarball, bundle.subarray(0, 100))), 'BUNDLE_MALFORMED')
})
