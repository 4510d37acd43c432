import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DEFAULT_CONFIG } from '../../src/core/config.ts'
import { parseConfig } from '../../src/core/config-parser.ts'
import { isSha256, isSha512, sha256, sha512 } from '../../src/core/digest.ts'
import { isLayer, REQUIRED_LAYERS } from '../../src/core/layers.ts'
import { bundleOf, chrootOf, Layout, packageOf } from '../../src/core/layout.ts'
import { formatLimits } from '../../src/core/limit-text.ts'
import { isPluginName, PLUGIN_NAME, type PluginName, SEMVER, splitName, tarballName } from '../../src/core/name.ts'
import { printable } from '../../src/core/printable.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/core/quantity.ts'

test('a size is a number and a binary unit, and nothing else', () => {
  assert.deepEqual(['1K', '128M', '2G', '999999G'].map(parseSize), [1024, 2 ** 27, 2 ** 31, 999_999 * 2 ** 30])
  for (const text of ['', '0M', '1', 'M', '1m', '1.5G', '-1M', ' 1M', '1M ', '1MB', '01M', '1000000M', '1e3K', '1M\n'])
    assert.equal(parseSize(text), undefined, text)
})

test('a duration is a number and a unit of time, and nothing else', () => {
  assert.deepEqual(['1ms', '5s', '2m', '3h'].map(parseDuration), [1, 5_000, 120_000, 10_800_000])
  for (const text of ['', '5', 's', '0s', '5 s', '1.5s', '5d', '-5s', '05s', '5S', '5s\n'])
    assert.equal(parseDuration(text), undefined, text)
})

test('what is printed of a size or a duration is short, and exact where it can be', () => {
  assert.deepEqual([1, 1023, 1024, 1536, 2 ** 20, 1.5 * 2 ** 30].map(formatSize), [
    '1',
    '1023',
    '1K',
    '1.5K',
    '1M',
    '1.5G',
  ])
  assert.deepEqual([1, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000].map(formatDuration), [
    '1ms',
    '999ms',
    '1s',
    '1.5s',
    '1m',
    '90s',
    '60m',
  ])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999 }), fc.constantFrom('K', 'M', 'G'), (count, unit) => {
      assert.equal(formatSize(parseSize(`${count}${unit}`) ?? 0), `${count}${unit}`)
    }),
  )
})

test('limits are printed in words, and those that are not set are left out', () => {
  const limits = {
    memoryBytes: 2 ** 27,
    cpu: 0.5,
    processesMax: 8,
    filesMax: 64,
    tmpBytes: 2 ** 20,
    dataBytes: 0,
    fileSizeBytes: 2 ** 21,
    ioBytesPerSecond: 10 * 2 ** 20,
    outputBytes: 2 ** 24,
    timeoutMs: 5_000,
    idleMs: 0,
    connectionsMax: 3,
    networkBytes: 0,
  }
  assert.equal(
    formatLimits(limits),
    'memory 128M, cpu 0.5, processes 8, open files 64, /tmp 1M, a file 2M, disk 10M/s, output 16M, time 5s, connections 3',
  )
})

test('a plugin name is two segments of lower case letters, digits and inner hyphens', () => {
  for (const name of ['a/b', 'acme/word-count', '0/1', `${'a'.repeat(39)}/${'b'.repeat(39)}`])
    assert.ok(isPluginName(name), name)
  for (const name of [
    '',
    'a',
    'a/',
    '/b',
    'a/b/c',
    'A/b',
    'a_b/c',
    '-a/b',
    'a-/b',
    'a/b-',
    'a b/c',
    '../x',
    'a/..',
    'ä/b',
    'a/b\n',
    '\na/b',
    `${'a'.repeat(40)}/b`,
  ])
    assert.equal(isPluginName(name), false, JSON.stringify(name))
})

test('no name and no version leads out of its folder, or to the tarball of another', () => {
  const name = fc.stringMatching(PLUGIN_NAME)
  const layout = new Layout('/home')
  fc.assert(
    fc.property(name, fc.stringMatching(/^\d{1,3}\.\d{1,3}\.\d{1,3}(?:-[a-z0-9.-]{1,20})?$/), (text, version) => {
      if (!isPluginName(text) || !SEMVER.test(version)) return
      const { namespace, base } = splitName(text)
      assert.equal(
        layout.release(text, version, sha256('')),
        `/home/plugins/${namespace}/${base}/${version}-e3b0c44298fc`,
      )
      assert.equal(tarballName(text, version), `${namespace}-${base}-${version}.tgz`)
    }),
  )
})

test('a version is SemVer 2.0.0, and short enough to name a folder', () => {
  for (const version of ['0.0.0', '1.2.3', '1.0.0-0', '1.0.0-alpha.1', '1.0.0--', '1.0.0+001', '1.0.0-a+b'])
    assert.match(version, SEMVER)
  for (const version of [
    '',
    '1',
    '1.2',
    '1.2.3.4',
    '01.2.3',
    'v1.2.3',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3-a..b',
    '1.2.3+',
    '1.2.3 ',
    '1.2.3\n',
    `1.2.3-${'a'.repeat(59)}`,
  ])
    assert.doesNotMatch(version, SEMVER)
})

test('a digest is lower case hexadecimal of its one length', () => {
  assert.ok(isSha256(sha256('a')) && isSha512(sha512('a')))
  for (const text of ['', sha256('a').toUpperCase(), `${sha256('a')}0`, `${sha256('a').slice(1)}g`, `${sha256('a')}\n`])
    assert.equal(isSha256(text), false)
  assert.equal(isSha512(sha256('a')), false)
})

test('everything lies below the home, where the design says', () => {
  const layout = new Layout('/var/lib/bulkhead')
  const name = 'acme/hello' as PluginName
  const { database, trustFile, configFile, plugins, staging, cache, spool } = layout
  assert.deepEqual(
    [database, trustFile, configFile, plugins, staging, cache, spool].map((path) =>
      path.slice('/var/lib/bulkhead/'.length),
    ),
    ['bulkhead.db', 'trust.json', 'config.json', 'plugins', 'staging', 'cache', 'spool'],
  )
  assert.equal(layout.data(name), '/var/lib/bulkhead/data/acme/hello')
  assert.equal(layout.spoolOf('r1'), '/var/lib/bulkhead/spool/r1')
  const release = layout.release(name, '1.0.0', sha256('a'))
  assert.deepEqual(
    [chrootOf(release), packageOf(release), bundleOf(release)].map((path) => path.slice(release.length)),
    ['/root', '/root/plugin', '/bundle.sigstore.jsonl'],
  )
})

test('only a required layer can be gone without', () => {
  for (const layer of REQUIRED_LAYERS) assert.equal(isLayer(layer), true)
  for (const text of ['', 'cgroup', 'SECCOMP', 'toString', 'length']) assert.equal(isLayer(text), false)
})

test('what somebody else wrote is shown without the characters a terminal obeys, and cut', () => {
  assert.equal(printable('a\u001b[31mb\u202ec\n\u0085'), 'a\\u{1b}[31mb\\u{202e}c\\u{a}\\u{85}')
  assert.equal(printable('Grüße, 李 👋'), 'Grüße, 李 👋')
  assert.equal(printable('x'.repeat(200)).length, 121)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) =>
      assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u),
    ),
  )
})

const config = (value: unknown) => parseConfig(Buffer.from(JSON.stringify(value)), 'config.json')

test('an empty configuration is the built-in one', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(config({}))), JSON.parse(JSON.stringify(DEFAULT_CONFIG)))
})

test('how runs are watched is read in the units the code counts in, within its bounds', () => {
  const { sampleMs, logs } = config({ sample: '2s', logs: { run: '64K', plugin: '1M' } })
  assert.deepEqual([sampleMs, logs], [2_000, { runBytes: 2 ** 16, pluginBytes: 2 ** 20 }])
  assert.deepEqual(config({ logs: { run: 0 } }).logs, { ...DEFAULT_CONFIG.logs, runBytes: 0 })
  for (const wrong of [
    { sample: '99ms' },
    { sample: '2h' },
    { sample: 5 },
    { logs: { run: '1K' } },
    { logs: { run: 1 } },
    { logs: { plugin: 0 } },
    { logs: { other: '1M' } },
    { profiles: { strict: { alerts: { memory: 101 } } } },
    { profiles: { strict: { alerts: { disk: 5 } } } },
  ]) {
    assert.throws(() => config(wrong), { code: 'CONFIG_INVALID' }, JSON.stringify(wrong))
  }
})

test("the operator's numbers are read in the units the code counts in", () => {
  const read = config({
    profile: 'strict',
    ceilings: { memory: '64M' },
    profiles: { strict: { defaults: { io: '5M' }, network: 'none', alerts: { memory: 90, cpu: 0 } } },
    plugins: {
      'acme/hello': { ceilings: { timeout: '5s' } },
      'acme/other': {
        profile: 'development',
        defaults: { connections: 3, network: '1M', fileSize: '2M' },
        network: 'public',
        engine: 'crun',
        weaker: ['data-quota'],
      },
    },
    uids: { first: 100_000, count: 10 },
    interpreters: { node: '/opt/node/bin/node' },
  })
  assert.equal(read.profile, 'strict')
  assert.equal(read.ceilings.memoryBytes, 64 * 2 ** 20)
  assert.equal(read.plugins['acme/hello']?.ceilings.timeoutMs, 5_000)
  assert.deepEqual(read.plugins['acme/hello']?.weaker, [])
  const { defaults, ...other } = read.plugins['acme/other'] ?? assert.fail()
  assert.deepEqual([defaults.connectionsMax, defaults.networkBytes, defaults.fileSizeBytes], [3, 2 ** 20, 2 ** 21])
  assert.deepEqual([other.profile, other.network, other.engine], ['development', 'public', 'crun'])
  assert.deepEqual(other.weaker, ['data-quota'])
  assert.equal(read.profiles.strict?.defaults.ioBytesPerSecond, 5 * 2 ** 20)
  assert.deepEqual(read.profiles.strict?.alerts, { memory: 90, cpu: 0 })
  assert.deepEqual(read.uids, { first: 100_000, count: 10 })
})

test('a configuration with any fault is refused, naming each', () => {
  const wrong = {
    profile: 'lax',
    colour: 1,
    uids: { first: 0, count: 0 },
    profiles: { lax: {}, strict: { network: 'some', alerts: { memory: 101 } } },
    plugins: { Acme: { ceilings: {} }, 'acme/x': { weaker: ['read-only'], engine: 'docker', profile: 'lax' } },
    interpreters: { node: 'bin/node' },
    ceilings: { memory: 5 },
  }
  assert.throws(
    () => config(wrong),
    (error: { code: string; message: string }) => {
      assert.equal(error.code, 'CONFIG_INVALID')
      assert.match(error.message, /^cannot use config\.json: /)
      for (const path of [
        'profile',
        'colour',
        'uids.first',
        'uids.count',
        'profiles',
        'profiles.strict.network',
        'profiles.strict.alerts.memory',
        'plugins',
        'plugins."acme/x".weaker',
        'plugins."acme/x".engine',
        'plugins."acme/x".profile',
        'interpreters.node',
        'ceilings.memory',
      ])
        assert.ok(error.message.includes(path), path)
      return true
    },
  )
  for (const uids of [
    { first: 999, count: 1 },
    { first: 2 ** 32, count: 1 },
    { first: 1000 },
    { first: 1000.5, count: 1 },
  ])
    assert.throws(() => config({ uids }), { code: 'CONFIG_INVALID' })
  assert.throws(() => parseConfig(Buffer.from('{"profile":"strict","profile":"development"}'), 'x'), {
    code: 'CONFIG_INVALID',
  })
})
