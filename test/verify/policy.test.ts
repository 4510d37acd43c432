import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPluginName, type PluginName } from '../../src/core/name.ts'
import { formatPolicy, parsePolicy } from '../../src/verify/policy.ts'
import type { PolicyDocument } from '../../src/verify/policy-document.ts'
import { parseTarget } from '../../src/verify/revocation-target.ts'
import { authority, policyOf, trusting } from '../helpers/authority.ts'
import { allSmallOrderEncodings } from '../helpers/curve.ts'
import { edited, type Json } from '../helpers/edited.ts'

const alice = await authority()
const bob = await authority()

const DOCUMENT: PolicyDocument = {
  version: 1,
  principals: [alice.principal, { ...bob.principal, id: 'bob', name: 'Bob Ünal' }],
  rules: [
    { pattern: 'acme/*', principals: [alice.keyId], threshold: 1 },
    { pattern: 'acme/hello', principals: ['bob'], threshold: 1 },
    { pattern: '*/*', principals: [alice.keyId, 'bob'], threshold: 2 },
  ],
  revocations: [{ target: 'acme/hello@1.0.0', reason: 'leaks', at: '2026-11-01T00:00:00Z' }],
}
const BYTES = formatPolicy(DOCUMENT)

function nameOf(text: string): PluginName {
  assert.ok(isPluginName(text))
  return text
}
function refused(bytes: Buffer, reason: RegExp): void {
  assert.throws(() => parsePolicy(bytes, 'trust.json'), { code: 'POLICY_INVALID', message: reason, exitCode: 3 })
}
const change = (path: readonly (string | number)[], value: Json | undefined): Buffer => edited(BYTES, path, value)

test('reads back what it wrote, and knows its digest', () => {
  const policy = parsePolicy(BYTES, 'trust.json')
  assert.deepEqual(policy.document, DOCUMENT)
  assert.match(policy.digest, /^[0-9a-f]{64}$/)
  assert.notEqual(policy.digest, parsePolicy(Buffer.concat([BYTES, Buffer.from(' ')]), 'trust.json').digest)
})

test('exact beats ns/* beats */*, and never adds up', () => {
  const policy = policyOf(DOCUMENT)
  assert.deepEqual(policy.ruleFor(nameOf('acme/hello'))?.principals, ['bob'])
  assert.deepEqual(policy.ruleFor(nameOf('acme/other'))?.principals, [alice.keyId])
  assert.equal(policy.ruleFor(nameOf('zeta/hello'))?.threshold, 2)
  // A namespace that only begins alike is another namespace.
  assert.equal(policy.ruleFor(nameOf('acme-evil/hello'))?.pattern, '*/*')
})

test('no rule for a name is no rule', () => {
  const policy = trusting([alice], 'acme/*')
  for (const name of ['acme2/x', 'acm/e', 'a/acme', 'hello/acme']) assert.equal(policy.ruleFor(nameOf(name)), null)
})

test('the order of rules in the file does not matter', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...DOCUMENT.rules], { minLength: 3 }), (rules) => {
      const policy = policyOf({ ...DOCUMENT, rules })
      assert.deepEqual(policy.ruleFor(nameOf('acme/hello'))?.principals, ['bob'])
    }),
  )
})

test('refuses every other wildcard', () => {
  for (const pattern of [
    '*',
    '**',
    'acme/**',
    'acme/h*',
    '*/hello',
    'a*/x',
    'acme/',
    '/x',
    'acme',
    'acme/x/*',
    'ACME/*',
    'acme/?',
    '',
    ' acme/*',
    '../*',
    '*/*/*',
  ]) {
    refused(change(['rules', 0, 'pattern'], pattern), /rules\[0\]\.pattern/)
  }
})

test('finds keys by their id alone, and only those that are entered', () => {
  const policy = policyOf(DOCUMENT)
  assert.equal(policy.keyOf(bob.keyId)?.principal.id, 'bob')
  for (const id of ['bob', '', '__proto__', 'constructor', 'toString', alice.keyId.toUpperCase(), `${alice.keyId} `]) {
    assert.equal(policy.keyOf(id), null)
    assert.equal(policy.revocationOf([id]), null)
  }
})

test('refuses keys that are bad, whatever they are called', () => {
  for (const raw of allSmallOrderEncodings()) {
    refused(change(['principals', 0, 'keys', 0, 'publicKey'], raw.toString('base64')), /small order|canonical form/)
  }
  const other = bob.principal.keys[0]?.publicKey ?? ''
  refused(change(['principals', 0, 'keys', 0, 'publicKey'], other), /keys\[0\]\.id must be ed25519:/)
  for (const text of ['', 'AAAA', other.slice(0, -1), ` ${other}`, other.replaceAll('=', ''), `${other}=`]) {
    refused(change(['principals', 0, 'keys', 0, 'publicKey'], text), /publicKey/)
  }
})

test('refuses one key under two principals: it would be two signers of one signature', () => {
  const twice = { ...DOCUMENT, principals: [...DOCUMENT.principals, { ...bob.principal, id: 'robert' }] }
  refused(formatPolicy(twice), /is a key of bob already/)
  const itself = { ...bob.principal, keys: [...bob.principal.keys, ...bob.principal.keys] }
  refused(
    formatPolicy({ ...DOCUMENT, principals: [alice.principal, { ...itself, id: 'bob' }] }),
    /is a key of bob already/,
  )
})

test('refuses what is there twice, and what refers to nothing', () => {
  refused(change(['rules', 1, 'pattern'], 'acme/*'), /rules\[1\]\.pattern is there twice/)
  refused(change(['principals', 0, 'id'], 'bob'), /principals\[1\]\.id is there twice/)
  refused(change(['rules', 0, 'principals', 0], 'nobody'), /names no principal: nobody/)
  refused(change(['rules', 0, 'principals'], [alice.keyId, alice.keyId]), /principals\[1\] is there twice/)
  refused(change(['principals', 1, 'id'], alice.keyId), /twice|does not hold/)
  refused(change(['principals', 1, 'id'], `ed25519:${'0'.repeat(64)}`), /does not hold/)
})

test('refuses thresholds below one, and lets one stand that cannot be met', () => {
  for (const threshold of [0, -1, 1.5, '1', 101, null]) {
    refused(change(['rules', 0, 'threshold'], threshold), /rules\[0\]\.threshold/)
  }
  assert.ok(parsePolicy(change(['rules', 0, 'threshold'], 5), 'trust.json'))
  assert.ok(parsePolicy(change(['rules', 0, 'principals'], []), 'trust.json'))
})

test('refuses unknown keys at every level, other kinds and versions', () => {
  for (const path of [
    ['extra'],
    ['principals', 0, 'extra'],
    ['principals', 0, 'keys', 0, 'x'],
    ['rules', 0, 'x'],
    ['revocations', 0, 'x'],
  ]) {
    refused(change(path, 1), /is not a known key/)
  }
  refused(change(['principals', 0, 'kind'], 'keyless'), /kind/)
  refused(change(['version'], 2), /version/)
  refused(change(['version'], '1'), /version/)
})

test('refuses windows that are none', () => {
  const key = ['principals', 0, 'keys', 0]
  refused(change([...key, 'validUntil'], '2026-13-01T00:00:00Z'), /validUntil/)
  refused(change([...key, 'validFrom'], 'soon'), /validFrom/)
  const both = edited(
    change([...key, 'validFrom'], '2026-11-01T00:00:00Z'),
    [...key, 'validUntil'],
    '2026-11-01T00:00:00Z',
  )
  refused(both, /must be after validFrom/)
})

test('a revocation names a principal, a key, a release or a tarball', () => {
  for (const good of [
    'bob',
    alice.keyId,
    'acme/hello@1.0.0-rc.1',
    'acme/hello@^1',
    'acme/hello@>=1.0.0 <1.4.2 || 2.x',
    `sha256:${'0'.repeat(64)}`,
    'https://issuer.example me@example.com',
  ])
    assert.notEqual(parseTarget(good), null, good)
  for (const bad of [
    '',
    'Bob',
    'acme/hello',
    'acme/*',
    '@1.0.0',
    'acme/hello@',
    'acme/hello@1; rm',
    'issuer.example me@example.com',
    'https://issuer.example',
    'sha256:00',
    'sha512:00',
    'ed25519:00',
    '__proto__',
    'a b',
  ]) {
    assert.equal(parseTarget(bad), null, bad)
    refused(change(['revocations', 0, 'target'], bad), /revocations\[0\]\.target/)
  }
})

test('tells every fault at once', () => {
  const bad = edited(edited(BYTES, ['rules', 0, 'threshold'], 0), ['revocations', 0, 'at'], 'x')
  refused(bad, /rules\[0\]\.threshold .*; revocations\[0\]\.at must be a time/)
})

test('shows no control character of a hostile file', () => {
  for (const path of [['\u001b[2J'], ['principals', 0, '\u202e\n']]) {
    assert.throws(
      () => parsePolicy(change(path, 1), 'trust\u001b.json'),
      (error: Error) => !/[\p{Cc}\p{Cf}]/u.test(error.message),
    )
  }
  refused(change(['principals', 1, 'name'], 'Bob\u202e'), /name/)
})

test('nothing but POLICY_INVALID comes out of any bytes', () => {
  const text = BYTES.toString()
  const mutated = fc
    .tuple(fc.nat(text.length - 1), fc.nat(40), fc.string({ maxLength: 12 }))
    .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut))
  fc.assert(
    fc.property(fc.oneof(mutated, fc.json()), (input) => {
      try {
        parsePolicy(Buffer.from(input), 'trust.json')
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'POLICY_INVALID')
      }
    }),
    { numRuns: 1000 },
  )
})
