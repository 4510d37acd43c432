// `plugins trust add` names one signer and one pattern. A principal has several of both, so what is added may count where
// nobody typed it: then it is said, or whoever sends an operator such a line has hidden half of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../../src/core/digest.ts'
import { EMPTY_DOCUMENT } from '../../../src/verify/policy.ts'
import type { PolicyDocument } from '../../../src/verify/policy-document.ts'
import { withdraw } from '../../../src/verify/policy-edits.ts'
import { type Credential, grant, type TrustGrant } from '../../../src/verify/policy-grant.ts'
import { authority } from '../../helpers/authority.ts'

const alice = await authority()
const bob = await authority()
const WHO = { issuer: 'https://issuer.example', identity: 'https://example.com/acme/release' }

const add = (document: PolicyDocument, credential: Credential, pattern: string, more: Partial<TrustGrant> = {}) =>
  grant(document, { credential, pattern, ...more })

const team = add(EMPTY_DOCUMENT, alice.key, 'acme/*', { principal: 'team' }).document

test('a key that joins a principal signs wherever the principal is trusted, and that is said', () => {
  const { document, notes } = add(team, bob.key, 'labs/toy', { principal: 'team' })
  assert.deepEqual(
    document.rules.map(({ pattern, principals }) => [pattern, ...principals]),
    [
      ['acme/*', 'team'],
      ['labs/toy', 'team'],
    ],
  )
  assert.match(notes.join('\n'), new RegExp(`${bob.keyId} signs for team from now on, and so for acme/\\* too`))
})

test('and what the principal had before counts for the new pattern, which is said too', () => {
  const both = add(team, bob.key, 'acme/*', { principal: 'team' }).document
  assert.throws(() => add(both, bob.key, 'labs/toy'), { code: 'USAGE', message: /it belongs to team/ })
  const { notes } = add(both, bob.key, 'labs/toy', { principal: 'team' })
  assert.match(notes.join('\n'), new RegExp(`team signs with ${alice.keyId} too, which counts for labs/toy as well`))
  assert.deepEqual(add(both, bob.key, 'acme/*').notes, [])
})

test('a known signer that is bound otherwise is bound so everywhere, and that is said', () => {
  const bound = { identity: { ...WHO, root: 'acme', repositoryId: '1' } }
  const first = add(EMPTY_DOCUMENT, bound, 'acme/*', { validUntil: '2026-12-01T00:00:00Z' }).document
  const { notes } = add(first, { identity: { ...WHO, root: 'public-good', repositoryId: '2' } }, 'labs/toy', {
    validUntil: '2036-12-01T00:00:00Z',
  })
  const said = notes.join('\n')
  assert.match(said, /root of .* was acme and now is public-good, for acme\/\* too/)
  assert.match(said, /repositoryId of .* was 1 and now is 2, for acme\/\* too/)
  assert.match(said, /validUntil of .* was 2026-12-01T00:00:00Z and now is 2036-12-01T00:00:00Z, for acme\/\* too/)
  // Nothing is said where nothing changes: left out is as it was.
  assert.deepEqual(add(first, { identity: WHO }, 'acme/*').notes, [])
})

test('that one and the same is to publish and to review is said', () => {
  const { notes } = add(team, alice.key, 'acme/*', { countersigner: true })
  assert.match(notes.join('\n'), /team both publishes and countersigns acme\/\*/)
  const market = add(team, bob.key, 'acme/*', { countersigner: true })
  assert.deepEqual(market.notes, [])
  assert.match(add(market.document, bob.key, 'acme/*').notes.join('\n'), /both publishes and countersigns/)
})

test('a type of statement counts for everybody under a pattern, which is said', () => {
  const predicates = ['https://slsa.dev/provenance/v1']
  const { document, notes } = add(team, { identity: WHO }, 'acme/*', { principal: 'ci', predicates })
  assert.match(notes.join('\n'), /the type https:\/\/slsa\.dev\/provenance\/v1 count under acme\/\* for team too/)
  assert.deepEqual(add(document, { identity: WHO }, 'acme/*', { predicates }).notes, [])
})

test('an identity that stands for itself joins nobody, whatever its name comes to', () => {
  const id = `${WHO.issuer} ${WHO.identity}`
  // 64 bits could be met by search; the whole name by nobody, but an operator may have chosen it.
  const short = `keyless-${sha256(id).slice(0, 16)}`
  const taken = add(EMPTY_DOCUMENT, alice.key, 'acme/*', { principal: short }).document
  assert.equal(add(taken, { identity: WHO }, 'labs/toy').document.principals.length, 2)
  const whole = `keyless-${sha256(id).slice(0, 40)}`
  const chosen = add(EMPTY_DOCUMENT, alice.key, 'acme/*', { principal: whole }).document
  assert.throws(() => add(chosen, { identity: WHO }, 'labs/toy'), { code: 'USAGE', message: /is somebody else/ })
})

test('what a rule asked for is not forgotten when its last signer is replaced', () => {
  const reviewed = add(team, bob.key, 'acme/*', { countersigner: true, threshold: 1 }).document
  const without = withdraw(reviewed, 'team').document
  const { rules } = add(without, alice.key, 'acme/*').document
  assert.deepEqual(rules[0]?.countersigners, [bob.keyId])
  const two = add(team, alice.key, 'acme/*', { threshold: 2 }).document
  const again = add(withdraw(two, 'team').document, bob.key, 'acme/*')
  assert.equal(again.document.rules[0]?.threshold, 2)
})
