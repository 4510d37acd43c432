import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askedBy, modest } from '../../src/core/agreement.ts'
import { DEFAULT_CONFIG } from '../../src/core/config.ts'
import { parseConfig } from '../../src/core/config-parser.ts'
import { parseConsentPolicy } from '../../src/core/consent-policy.ts'
import { termsFor, uncovered } from '../../src/core/consent-terms.ts'
import { grantsFor, parseGrants } from '../../src/core/grants.ts'
import { formatLimitWord } from '../../src/core/limit-text.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import type { PluginName } from '../../src/core/name.ts'
import { type Widening, wideningOf } from '../../src/core/widening.ts'

const NAME = 'acme/hello' as PluginName
const M = 2 ** 20
const NOTHING: Widening = {
  permissions: { network: [], read: [], env: [] },
  limits: [],
  publisher: null,
  provenance: [],
  hooks: [],
  protocol: null,
  runtime: null,
}
const memory = (after: number) => [{ limit: 'memoryBytes', before: 64 * M, after, hook: null }] as const

/** What a widening leaves over after one grant, or `null`. */
const COVERED: readonly [grant: string, covered: Partial<Widening>, neighbour: Partial<Widening>][] = [
  [
    'network=*.example.com:443',
    { permissions: { ...NOTHING.permissions, network: ['a.example.com:443'] } },
    { permissions: { ...NOTHING.permissions, network: ['example.com:443'] } },
  ],
  [
    'read=/usr/share/zoneinfo',
    { permissions: { ...NOTHING.permissions, read: ['/usr/share/zoneinfo'] } },
    { permissions: { ...NOTHING.permissions, read: ['/usr/share/zoneinfo/Europe'] } },
  ],
  [
    'env=API_TOKEN',
    { permissions: { ...NOTHING.permissions, env: ['API_TOKEN'] } },
    { permissions: { ...NOTHING.permissions, env: ['API_TOKEN_2'] } },
  ],
  ['limit=memory:512M', { limits: memory(512 * M) }, { limits: memory(512 * M + 1) }],
  ['limit=memory:512M', { limits: memory(100 * M) }, { limits: memory(0) }],
  ['hook=postinstall', { hooks: ['postinstall'] }, { hooks: ['preremove'] }],
  ['runtime=node', { runtime: { before: 'exec', after: 'node' } }, { runtime: { before: 'exec', after: 'python' } }],
  ['protocol=mcp', { protocol: { before: 'stdio', after: 'mcp' } }, { protocol: { before: 'stdio', after: 'grpc' } }],
  [
    'signers',
    { publisher: { joined: ['b'], left: ['a'] }, provenance: [{ kind: 'countersigner', principal: 'm' }] },
    { provenance: [{ kind: 'signature', until: '2026-12-01T00:00:00.000Z' }] },
  ],
]
for (const [grant, covered, neighbour] of COVERED) {
  test(`--grant ${grant} agrees to what it names and to nothing beside it`, () => {
    const terms = parseGrants([grant])
    assert.equal(uncovered({ ...NOTHING, ...covered }, terms), null)
    assert.deepEqual(uncovered({ ...NOTHING, ...neighbour }, terms), { ...NOTHING, ...neighbour })
  })
}

test('grants are added up; without any, all is left', () => {
  const wide = { ...NOTHING, permissions: { network: ['a.example.com:443'], read: [], env: ['A', 'B'] } }
  assert.equal(uncovered(wide, parseGrants(['env=A', 'network=a.example.com:443', 'env=B'])), null)
  assert.deepEqual(uncovered(wide, parseGrants(['env=A'])), {
    ...wide,
    permissions: { network: ['a.example.com:443'], read: [], env: ['B'] },
  })
  assert.deepEqual(uncovered(wide, parseGrants([])), wide)
  assert.equal(parseGrants(['limit=memory:64M', 'limit=cpu:0.5']).limits.cpu, 0.5)
  assert.equal(parseGrants(['limit=memory:64M', 'limit=cpu:0.5']).limits.memoryBytes, 64 * M)
})

test('a grant that cannot be understood is a usage error that says what was expected', () => {
  for (const [grant, message] of [
    ['network=*.com:443', /network=HOST:PORT/],
    ['network=*:0', /network=HOST:PORT/],
    ['network=*', /network=HOST:PORT/],
    ['network=a.example.com', /network=HOST:PORT/],
    ['network=a.example.com:65536', /network=HOST:PORT/],
    ['read=usr/share', /read=PATH/],
    ['env=token', /env=NAME/],
    ['env=*', /env=NAME/],
    ['limit=memory', /limit=NAME:VALUE/],
    ['limit=memory:lots', /limit=NAME:VALUE/],
    ['limit=memory:0x10', /limit=NAME:VALUE/],
    ['limit=memoryBytes:5', /limit=NAME:VALUE/],
    ['limit=__proto__:5', /limit=NAME:VALUE/],
    ['hook=all', /hook=health/],
    ['runtime=bash', /runtime=exec/],
    ['protocol=http', /protocol=stdio/],
    ['signers=acme', /signers, without/],
    ['all', /network=…/],
    ['', /network=…/],
    ['constructor=x', /network=…/],
    ['env=\u001b[2J', /env=NAME/],
  ] as const)
    assert.throws(() => parseGrants([grant]), { code: 'USAGE', exitCode: 2, message }, grant)
  assert.throws(() => parseGrants(Array(1001).fill('env=A')), { code: 'USAGE' })
})

const policy = (document: object) => parseConsentPolicy(Buffer.from(JSON.stringify(document)), 'consent.json')

test('the most exact pattern decides alone: an exact name, a namespace, everything', () => {
  const three = policy({ '*/*': { env: ['ANY'] }, 'acme/*': { env: ['ACME'] }, 'acme/hello': { env: ['HELLO'] } })
  const env = (name: string) => termsFor(three, name as PluginName)?.terms.env
  assert.deepEqual(
    ['acme/hello', 'acme/other', 'other/one'].map(env),
    [['HELLO'], ['ACME'], ['ANY']],
    'never what two of them name',
  )
  assert.equal(termsFor(policy({ 'acme/*': {} }), 'acme-labs/hello' as PluginName), null)
  assert.equal(termsFor(policy({}), NAME), null)
})

test('a policy that breaks a rule is refused with the path of each fault', () => {
  for (const [document, message] of [
    [{ 'acme*': {} }, /acme\*/],
    [{ '*': {} }, /\*/],
    [{ '*/hello': {} }, /hello/],
    [{ 'acme/*': { network: ['*.com:443'] } }, /network\[0\].*HOST:PORT/],
    [{ 'acme/*': { network: ['*'] } }, /network\[0\]/],
    [{ 'acme/*': { env: ['*'] } }, /env\[0\]/],
    [{ 'acme/*': { read: ['/usr/../etc'] } }, /read\[0\]/],
    [{ 'acme/*': { limits: { memory: 512 } } }, /limits\.memory/],
    [{ 'acme/*': { hooks: ['any'] } }, /hooks\[0\]/],
    [{ 'acme/*': { publisherChange: 'yes' } }, /publisherChange/],
    [{ 'acme/*': { everything: true } }, /everything.*not a known key/],
    [[], /use consent\.json: .*expected record/],
  ] as const) {
    assert.throws(() => policy(document), { code: 'CONFIG_INVALID', message }, JSON.stringify(document))
  }
  assert.throws(() => parseConsentPolicy(Buffer.from('{"acme/*":{},"acme/*":{"env":["A"]}}'), 'x'), /twice/)
})

test('config.json holds the same document, and the age of releases', () => {
  const config = (document: object) => parseConfig(Buffer.from(JSON.stringify(document)), 'config.json')
  const { consent, updates } = config({
    consent: {
      'acme/*': { network: ['*.example.com:443', '*:80'], limits: { memory: '512M' }, publisherChange: true },
    },
    updates: { minimumAge: '7d', exempt: ['acme/*'], countersignedAtOnce: true },
  })
  assert.equal(consent['acme/*']?.limits.memoryBytes, 512 * M)
  assert.deepEqual(
    [consent['acme/*']?.network, consent['acme/*']?.publisherChange],
    [['*.example.com:443', '*:80'], true],
  )
  assert.deepEqual(updates, { minimumAgeMs: 7 * 86_400_000, exempt: ['acme/*'], countersignedAtOnce: true })
  assert.deepEqual([config({}).consent, config({}).updates], [DEFAULT_CONFIG.consent, DEFAULT_CONFIG.updates])
  for (const [wrong, message] of [
    [{ minimumAge: '7 days' }, /updates\.minimumAge.*7d/],
    [{ minimumAge: '366d' }, /updates\.minimumAge/],
    [{ minimumAge: 7 }, /updates\.minimumAge/],
    [{ exempt: ['acme*'] }, /updates\.exempt\[0\]/],
    [{ age: '7d' }, /updates\.age/],
  ] as const)
    assert.throws(() => config({ updates: wrong }), { code: 'CONFIG_INVALID', message }, JSON.stringify(wrong))
})

test('the flags that are offered agree to all of it, and are each one word of a shell', () => {
  const manifest = {
    name: NAME,
    version: '1.0.0',
    entry: { runtime: 'exec', path: 'bin/x' },
    permissions: { network: ['*.example.com:443'], read: ['/usr/share/a b$(id)`'], env: ['A'] },
    limits: { memory: '300M', cpu: 1.25, timeout: '90s' },
    health: { path: 'bin/y' },
  }
  const { agreement } = askedBy(DEFAULT_CONFIG, parseManifest(Buffer.from(JSON.stringify(manifest))), {
    signers: [],
    countersigners: [],
    fileList: 'signed',
    predicates: [],
    unsignedUntil: null,
  })
  const wanted = wideningOf(modest(DEFAULT_CONFIG, NAME, agreement), agreement)
  assert.ok(wanted)
  const offered = grantsFor(wanted)
  assert.deepEqual(offered, [
    "'network=*.example.com:443'",
    "'read=/usr/share/a b$(id)`'",
    'env=A',
    'limit=memory:300M',
    'limit=cpu:1.25',
    'hook=health',
  ])
  const words = (offered ?? []).map((word) => word.replace(/^'(.*)'$/, '$1'))
  assert.equal(uncovered(wanted, parseGrants(words)), null)
})

test('what no word of a shell can name safely, and what no flag can agree to, is offered as nothing', () => {
  const read = (path: string) => ({ ...NOTHING, permissions: { ...NOTHING.permissions, read: [path] } })
  assert.equal(grantsFor(read("/usr/share/it's")), null)
  assert.equal(grantsFor(read('/usr/share/ünï')), null)
  assert.equal(grantsFor({ ...NOTHING, limits: memory(0) }), null, 'no limit at all has no number')
  assert.equal(grantsFor({ ...NOTHING, provenance: [{ kind: 'signature', until: 'x' }] }), null)
})

test('a limit is spelled as a manifest spells it, and never as less than it is', () => {
  const spelled = [300 * M, 2 ** 30, 1536, 1537, 90_000].map((value) => formatLimitWord('memoryBytes', value))
  assert.deepEqual(spelled, ['memory:300M', 'memory:1G', 'memory:2K', 'memory:2K', 'memory:88K'])
  assert.deepEqual(
    [90_000, 3_600_000, 1_500].map((value) => formatLimitWord('timeoutMs', value)),
    ['timeout:90s', 'timeout:1h', 'timeout:1500ms'],
  )
})
