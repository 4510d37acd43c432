// Who a run may reach: a table of what the manifest asks, what the operator says, and what comes of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, DEFAULT_CONFIG } from '../../src/core/config.ts'
import { parseConfig } from '../../src/core/config-parser.ts'
import type { Profile } from '../../src/core/limits.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import { effectiveNetwork } from '../../src/core/network.ts'
import { isExactAddress } from '../../src/core/network-address.ts'
import { formatCutNetwork, formatNetwork } from '../../src/core/network-text.ts'

const asking = (...network: string[]) =>
  ({ name: 'acme/x', permissions: { network, read: [], env: [] } }) as unknown as Manifest
const config = (value: object): Config => parseConfig(Buffer.from(JSON.stringify(value)), 'config.json')
const given = (operator: Config, network: readonly string[], profile?: Profile) =>
  effectiveNetwork(operator, asking(...network), { profile, agreed: null })

const LISTED = ['api.example.com:443', '*.example.org:8443', 'b.example.com:443']

test('production gives what the manifest lists, and no more', () => {
  const { policy, allow, cuts } = given(DEFAULT_CONFIG, LISTED)
  assert.deepEqual(policy, { value: 'listed', from: 'profile' })
  assert.deepEqual(
    allow,
    LISTED.map((to) => ({ to, from: 'manifest' })),
  )
  assert.deepEqual(cuts, [])
})

test('development adds any public host, at the ports of the list', () => {
  const { policy, allow } = given(DEFAULT_CONFIG, LISTED, 'development')
  assert.deepEqual(policy, { value: 'public', from: 'profile' })
  assert.deepEqual(allow.slice(LISTED.length), [
    { to: '*:443', from: 'profile' },
    { to: '*:8443', from: 'profile' },
  ])
})

test('strict gives none, and says what it took away', () => {
  const { policy, allow, cuts } = given(DEFAULT_CONFIG, LISTED, 'strict')
  assert.deepEqual(policy, { value: 'none', from: 'profile' })
  assert.deepEqual([allow, cuts], [[], LISTED])
})

test('a plugin that lists nothing gets nothing under any policy', () => {
  for (const profile of ['development', 'production', 'strict'] as const) {
    const { allow, cuts } = given(config({ privateAddresses: ['10.0.0.1:1'] }), [], profile)
    assert.deepEqual([allow, cuts], [[], []], profile)
  }
})

test('the operator’s word for a plugin is over that for a profile, which is over the built-in one', () => {
  const profiles = { strict: { network: 'listed' } }
  const byProfile = given(config({ profiles }), LISTED, 'strict')
  assert.deepEqual(byProfile.policy, { value: 'listed', from: 'profile-config' })
  const byPlugin = config({ profiles, plugins: { 'acme/x': { network: 'none' }, 'acme/y': { network: 'public' } } })
  assert.deepEqual(given(byPlugin, LISTED, 'strict').policy, { value: 'none', from: 'plugin-config' })
  const ownProfile = config({ plugins: { 'acme/x': { profile: 'strict' } } })
  assert.equal(given(ownProfile, LISTED).policy.value, 'none')
  assert.equal(given(ownProfile, LISTED, 'production').policy.value, 'listed')
})

test('addresses that are not public come from the host’s list and the plugin’s own', () => {
  const operator = config({
    privateAddresses: ['10.0.0.1:1', '[fd00::1]:2'],
    plugins: { 'acme/x': { privateAddresses: ['127.0.0.1:3', '10.0.0.1:1'] } },
  })
  assert.deepEqual(given(operator, LISTED).private, [
    { to: '127.0.0.1:3', from: 'plugin-config' },
    { to: '10.0.0.1:1', from: 'plugin-config' },
    { to: '[fd00::1]:2', from: 'config' },
  ])
})

test('only exact addresses can be allowed that are not public', () => {
  for (const good of ['10.0.0.1:1', '127.0.0.1:65535', '[::1]:443', '[fd00::10.0.0.1]:1'])
    assert.ok(isExactAddress(good), good)
  const bad = [
    ...['10.0.0.1', '10.0.0.0/8:1', '10.0.0.01:1', '10.1:1', '0x7f000001:1', '10.0.0.1:0', '10.0.0.1:65536', '*:1'],
    ...[
      'localhost:1',
      'example.com:1',
      '::1:443',
      '[::1]',
      '[FD00::1]:1',
      '[fe80::1%eth0]:1',
      '[10.0.0.1]:1',
      ':1',
      '',
    ],
  ]
  for (const text of bad) {
    assert.ok(!isExactAddress(text), text)
    for (const place of [{ privateAddresses: [text] }, { plugins: { 'acme/x': { privateAddresses: [text] } } }])
      assert.throws(
        () => config(place),
        { code: 'CONFIG_INVALID', message: /privateAddresses.*10\.0\.0\.5:5432/ },
        text,
      )
  }
  const many = Array.from({ length: 33 }, (_, at) => `10.0.0.${at}:1`)
  assert.throws(() => config({ privateAddresses: many }), { code: 'CONFIG_INVALID' })
})

test('a person reads who may be reached, what the operator adds, and what was cut', () => {
  assert.equal(formatNetwork(given(DEFAULT_CONFIG, [])), 'none')
  assert.equal(formatNetwork(given(DEFAULT_CONFIG, ['a.example:443'])), 'a.example:443')
  const operator = config({ privateAddresses: ['10.0.0.1:443'], plugins: { 'acme/x': { network: 'public' } } })
  assert.equal(
    formatNetwork(given(operator, ['a.example:443', 'b.example:80'])),
    'a.example:443, b.example:80; any public host at port 443, 80 (config.json, plugins); though not public: 10.0.0.1:443',
  )
  const cut = given(DEFAULT_CONFIG, ['a.example:443'], 'strict')
  assert.equal(formatNetwork(cut), 'none here (asked: a.example:443)')
  assert.equal(formatCutNetwork(cut), 'a.example:443 to none (its profile)')
  assert.equal(formatCutNetwork(given(DEFAULT_CONFIG, ['a.example:443'])), null)
})
