import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../../src/core/name.ts'
import { authority, packed, staged, trusting } from '../../helpers/authority.ts'
import { verdictOf } from '../../helpers/examine.ts'

const alice = await authority()
const mallory = await authority()
const policy = trusting([alice])

test('a good release of another plugin does not pass for the one that was asked for', async () => {
  const other = alice.publish({ name: 'acme/other' })
  assert.equal(await verdictOf(policy, other.staged), 'OK')
  assert.equal(await verdictOf(policy, other.staged, { name: 'acme/hello' as PluginName }), 'SUBJECT_MISMATCH')
})

test('somebody trusted for their own namespace cannot sign for another', async () => {
  const both = trusting([alice, mallory], '*/*', {
    rules: [
      { pattern: 'acme/*', principals: [alice.keyId], threshold: 1 },
      { pattern: 'mallory/*', principals: [mallory.keyId], threshold: 1 },
    ],
  })
  assert.equal(await verdictOf(both, mallory.publish({ name: 'mallory/tool' }).staged), 'OK')
  assert.equal(await verdictOf(both, mallory.publish({ name: 'acme/hello' }).staged), 'SIGNER_NOT_TRUSTED')
  // Neither by a statement for their own name over a tarball of another.
  const disguised = mallory.publish({
    name: 'acme/hello',
    misstate: (statement) => ({ ...statement, name: 'mallory/tool' as PluginName }),
  })
  assert.equal(await verdictOf(both, disguised.staged), 'SUBJECT_MISMATCH')
})

test('the file name on disk decides nothing', async () => {
  const other = alice.publish({ name: 'acme/other' })
  const named = staged(other.tarball, other.bundle, 'acme-hello-1.0.0.tgz')
  assert.equal(await verdictOf(policy, named, { name: 'acme/hello' as PluginName }), 'SUBJECT_MISMATCH')
})

test('a bundle beside another tarball is refused, whatever else is right', async () => {
  const good = alice.publish()
  const evil = packed({ files: { 'main.js': 'process.exit(1)' } })
  assert.equal(await verdictOf(policy, staged(evil, good.bundle)), 'DIGEST_MISMATCH')
})
