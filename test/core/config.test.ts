import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/core/config-parser.ts'

const parse = (scanners: unknown) => parseConfig(Buffer.from(JSON.stringify({ scanners })), 'config.json').scanners
const clamav = { name: 'clamav', command: ['/usr/local/bin/scan', '--flag'] }

test('a scanner has a minute and looks at every plugin, unless it is said otherwise', () => {
  assert.deepEqual(parse([clamav]), [
    { name: 'clamav', command: ['/usr/local/bin/scan', '--flag'], timeoutMs: 60_000, plugins: ['*/*'] },
  ])
  const [narrow] = parse([{ ...clamav, timeout: '10m', plugins: ['acme/*', 'other/one'] }])
  assert.deepEqual([narrow?.timeoutMs, narrow?.plugins], [600_000, ['acme/*', 'other/one']])
})

test('a scanner that breaks a rule is a fault of config.json, with its path', () => {
  const cases: readonly [unknown, RegExp][] = [
    [[{ ...clamav, command: ['scan'] }], /scanners\[0\]\.command\[0\]/],
    [[{ ...clamav, command: [] }], /scanners\[0\]\.command/],
    [[{ ...clamav, command: '/bin/true' }], /scanners\[0\]\.command/],
    [[{ ...clamav, command: ['/bin/true', 'a\u0000b'] }], /scanners\[0\]\.command\[1\]/],
    [[{ ...clamav, command: ['/bin/true', ...Array(64).fill('x')] }], /scanners\[0\]\.command/],
    [[{ ...clamav, name: 'Clam AV' }], /scanners\[0\]\.name/],
    [[{ command: ['/bin/true'] }], /scanners\[0\]\.name/],
    [[{ ...clamav, timeout: '11m' }], /scanners\[0\]\.timeout/],
    [[{ ...clamav, timeout: '1ms' }], /scanners\[0\]\.timeout/],
    [[{ ...clamav, timeout: 60 }], /scanners\[0\]\.timeout/],
    [[{ ...clamav, plugins: [] }], /scanners\[0\]\.plugins/],
    [[{ ...clamav, plugins: ['acme*'] }], /scanners\[0\]\.plugins\[0\]/],
    [[{ ...clamav, when: 'always' }], /scanners\[0\]\.when/],
    [[clamav, clamav], /scanners.*twice/],
    [Array.from({ length: 17 }, (_, at) => ({ ...clamav, name: `s${at}` })), /scanners/],
  ]
  for (const [scanners, message] of cases)
    assert.throws(() => parse(scanners), { code: 'CONFIG_INVALID', message }, JSON.stringify(scanners))
})

const preload = (preload: unknown) => parseConfig(Buffer.from(JSON.stringify({ preload })), 'config.json').preload

test('nothing is preloaded unless it is listed, by the names that import takes', () => {
  assert.deepEqual(preload({}), { python: [], memoryBytes: 512 * 2 ** 20 })
  const python = ['pandas', '_ssl', 'xml.etree.ElementTree']
  assert.deepEqual(preload({ python, memory: '1G' }), { python, memoryBytes: 2 ** 30 })
  for (const name of ['', '-c', 'a b', 'a;b', 'a..b', '.a', 'a.', '1a', 'a/b', '../a', 'é', 'a\n', 'x'.repeat(201)])
    assert.throws(() => preload({ python: [name] }), /preload\.python\[0\]/, name)
  for (const memory of ['1M', 64, '-1G']) assert.throws(() => preload({ memory }), /preload\.memory/)
  assert.throws(() => preload({ node: [] }), /preload\.node/)
})
