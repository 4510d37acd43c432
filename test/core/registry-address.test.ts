import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/core/config-parser.ts'
import { readAddress } from '../../src/core/registry-address.ts'

test('a registry is a folder or an address, each in one spelling', () => {
  const cases: readonly [string, object][] = [
    ['/srv/plugins', { kind: 'folder', path: '/srv/plugins' }],
    ['file:///srv/plug%20ins', { kind: 'folder', path: '/srv/plug ins' }],
    ['https://plugins.example', { kind: 'http', url: 'https://plugins.example/' }],
    ['https://plugins.example/a/b', { kind: 'http', url: 'https://plugins.example/a/b/' }],
    ['http://127.0.0.1:8080/', { kind: 'http', url: 'http://127.0.0.1:8080/' }],
    ['http://localhost', { kind: 'http', url: 'http://localhost/' }],
    ['http://[::1]:1', { kind: 'http', url: 'http://[::1]:1/' }],
  ]
  for (const [text, address] of cases) assert.deepEqual(readAddress(text), { ok: true, address }, text)
})

test('an address that could mean something else is none', () => {
  const cases: readonly [string, RegExp][] = [
    ['', /expected/],
    ['srv/plugins', /expected/],
    ['ftp://plugins.example/', /expected/],
    ['javascript:alert(1)', /expected/],
    ['http://plugins.example/', /for this machine alone/],
    ['http://127.0.0.1.example/', /for this machine alone/],
    ['http://10.0.0.1/', /for this machine alone/],
    ['https://user:secret@plugins.example/', /no password/],
    ['https://plugins.example/?a=b', /nothing behind/],
    ['https://plugins.example/#a', /nothing behind/],
    ['https://pl\u0430ins.example/', /expected/],
    ['https://plugins.example/\n', /expected/],
    [' https://plugins.example/', /expected/],
    ['file://host/srv', /another host/],
    ['file:///srv/%00', /without control characters/],
    ['file:///srv/%zz', /absolute/],
    ['/srv/\u0000x', /without control characters/],
    [`/${'x'.repeat(2000)}`, /at most/],
  ]
  for (const [text, message] of cases) {
    const reading = readAddress(text)
    assert.ok(!reading.ok && message.test(reading.fault), `${text}: ${JSON.stringify(reading)}`)
  }
  assert.equal(readAddress('http://plugins.example/', true).ok, true)
})

const parse = (registries: unknown) =>
  parseConfig(Buffer.from(JSON.stringify({ registries })), 'config.json').registries

test('a registry serves every plugin and has no token, unless it is said otherwise', () => {
  assert.deepEqual(parse([{ name: 'main', url: 'https://plugins.example' }]), [
    {
      name: 'main',
      address: { kind: 'http', url: 'https://plugins.example/' },
      namespaces: ['*/*'],
      insecure: false,
      tokenFile: null,
    },
  ])
})

test('a registry that breaks a rule is a fault of config.json, with its path', () => {
  const main = { name: 'main', url: 'https://plugins.example' }
  const cases: readonly [unknown, RegExp][] = [
    [[{ ...main, url: 'http://plugins.example' }], /registries\[0\]\.url/],
    [[{ ...main, url: 5 }], /registries\[0\]\.url/],
    [[{ ...main, name: 'Main' }], /registries\[0\]\.name/],
    [[{ ...main, namespaces: [] }], /registries\[0\]\.namespaces/],
    [[{ ...main, namespaces: ['acme'] }], /registries\[0\]\.namespaces\[0\]/],
    [[{ ...main, tokenFile: 'token' }], /registries\[0\]\.tokenFile/],
    [[{ ...main, url: '/srv', tokenFile: '/t' }], /registries\[0\]\.tokenFile/],
    [[{ ...main, url: 'http://a.example', insecure: true, tokenFile: '/t' }], /registries\[0\]\.tokenFile/],
    [[{ ...main, token: 'x' }], /registries\[0\]\.token/],
    [[main, main], /registries.*twice/],
    [Array.from({ length: 33 }, (_, at) => ({ ...main, name: `r${at}` })), /registries/],
  ]
  for (const [registries, message] of cases)
    assert.throws(() => parse(registries), { code: 'CONFIG_INVALID', message }, JSON.stringify(registries))
})
