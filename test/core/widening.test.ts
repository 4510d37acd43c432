import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Agreement, askedBy, isAgreement, modest, standing, type Vouched } from '../../src/core/agreement.ts'
import { type Config, DEFAULT_CONFIG } from '../../src/core/config.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import type { PluginName } from '../../src/core/name.ts'
import { covers } from '../../src/core/network-cover.ts'
import type { Signer } from '../../src/core/verified.ts'
import { isWidening, type Widening, wideningOf } from '../../src/core/widening.ts'
import { wideningRows } from '../../src/core/widening-text.ts'

const NAME = 'acme/hello' as PluginName
const M = 2 ** 20
const signer = (principal: string, kind: Signer['kind'] = 'keyed', id = principal): Signer => ({ id, kind, principal })
const VOUCHED: Vouched = {
  signers: [signer('acme')],
  countersigners: [],
  fileList: 'signed',
  predicates: [],
  unsignedUntil: null,
}

function agreement(manifest: object = {}, vouched: Partial<Vouched> = {}, config: Config = DEFAULT_CONFIG): Agreement {
  const parsed = parseManifest(
    Buffer.from(
      JSON.stringify({ name: NAME, version: '1.0.0', entry: { runtime: 'exec', path: 'bin/x' }, ...manifest }),
    ),
  )
  return askedBy(config, parsed, { ...VOUCHED, ...vouched }).agreement
}

/** The parts that are wider, without those of which there are none. */
function wider(before: Agreement, after: Agreement): Record<string, unknown> {
  const found: Widening | null = wideningOf(before, after)
  if (found === null) return {}
  const { permissions, ...rest } = found
  return Object.fromEntries(
    Object.entries({ ...permissions, ...rest }).filter(([, value]) =>
      Array.isArray(value) ? value.length > 0 : value,
    ),
  )
}

const asks = (permissions: object) => agreement({ permissions })

test('the same is never wider, and less never is', () => {
  const much = agreement(
    { permissions: { network: ['a.example.com:443'], read: ['/usr/share'], env: ['A'] }, limits: { memory: '512M' } },
    { countersigners: [signer('market')] },
  )
  assert.equal(wideningOf(much, much), null)
  assert.deepEqual(wider(much, { ...agreement(), countersigners: much.countersigners }), {})
})

const PERMISSIONS: readonly [what: string, before: object, after: object, added: object][] = [
  [
    'a host',
    { network: ['a.example.com:443'] },
    { network: ['b.example.com:443'] },
    { network: ['b.example.com:443'] },
  ],
  ['a port', { network: ['a.example.com:443'] }, { network: ['a.example.com:80'] }, { network: ['a.example.com:80'] }],
  ['a name below a wildcard', { network: ['*.example.com:443'] }, { network: ['a.b.example.com:443'] }, {}],
  ['a wildcard below a wildcard', { network: ['*.example.com:443'] }, { network: ['*.b.example.com:443'] }, {}],
  [
    'the domain itself',
    { network: ['*.example.com:443'] },
    { network: ['example.com:443'] },
    { network: ['example.com:443'] },
  ],
  [
    'a name that only ends alike',
    { network: ['*.example.com:443'] },
    { network: ['evilexample.com:443'] },
    { network: ['evilexample.com:443'] },
  ],
  [
    'a wildcard over a name',
    { network: ['a.example.com:443'] },
    { network: ['*.example.com:443'] },
    { network: ['*.example.com:443'] },
  ],
  [
    'a wildcard at another port',
    { network: ['*.example.com:443'] },
    { network: ['a.example.com:8443'] },
    { network: ['a.example.com:8443'] },
  ],
  ['a path', { read: ['/usr/share'] }, { read: ['/usr/lib'] }, { read: ['/usr/lib'] }],
  // Another file system may be mounted there, which is not seen through the folder above.
  ['a path below one', { read: ['/usr/share'] }, { read: ['/usr/share/zoneinfo'] }, { read: ['/usr/share/zoneinfo'] }],
  ['a variable', { env: ['A'] }, { env: ['A', 'B'] }, { env: ['B'] }],
]
for (const [what, before, after, added] of PERMISSIONS) {
  test(`permissions: ${what} is ${Object.keys(added).length === 0 ? 'nothing more' : 'more'}`, () => {
    assert.deepEqual(wider(asks(before), asks(after)), added)
  })
}

test('what the policy of the host adds to a list counts as agreed, and covers each name at its port', () => {
  const development: Config = { ...DEFAULT_CONFIG, profile: 'development' }
  const listed = agreement({ permissions: { network: ['a.example.com:443'] } })
  const any = agreement({ permissions: { network: ['a.example.com:443'] } }, {}, development)
  assert.deepEqual(wider({ ...listed, limits: any.limits }, any), { network: ['*:443'] })
  assert.deepEqual(wider(any, agreement({ permissions: { network: ['b.example.com:443'] } })), {})
  assert.deepEqual(wider(any, agreement({ permissions: { network: ['b.example.com:80'] } })), {
    network: ['b.example.com:80'],
  })
  assert.equal(covers('*:443', '*.example.com:443'), true)
  assert.equal(covers('*.example.com:443', '*:443'), false)
})

test('a limit that is higher on this host is wider, one that the ceiling cuts to the same is not', () => {
  const [low, high] = [agreement({ limits: { memory: '64M' } }), agreement({ limits: { memory: '65M' } })]
  assert.deepEqual(wider(low, high), {
    limits: [{ limit: 'memoryBytes', before: 64 * M, after: 65 * M, hook: null }],
  })
  assert.deepEqual(wider(high, low), {})
  assert.deepEqual(wider(agreement({ limits: { memory: '2G' } }), agreement({ limits: { memory: '9G' } })), {})
})

test('an end that is taken away is more than any end; no /data is less than any', () => {
  const server = { protocol: 'mcp' }
  assert.deepEqual(wider(agreement({ ...server, limits: { timeout: '1h' } }), agreement(server)).limits, [
    { limit: 'timeoutMs', before: 3_600_000, after: 0, hook: null },
  ])
  assert.deepEqual(wider(agreement(server), agreement({ ...server, limits: { timeout: '1h' } })), {})
  const data = wider(agreement(), agreement({ limits: { data: '1M' } })).limits as { limit: string; before: number }[]
  assert.deepEqual(data[0], { limit: 'dataBytes', before: 0, after: M, hook: null })
  assert.deepEqual(wider(agreement({ limits: { data: '1M' } }), agreement()), {})
})

test('what the operator has raised since is no widening of an update; what the manifest raises still is', () => {
  const raised: Config = { ...DEFAULT_CONFIG, defaults: { memoryBytes: 512 * M } }
  const then = agreement()
  assert.equal(wideningOf(standing(raised, NAME, then), agreement({}, {}, raised)), null)
  assert.ok(wideningOf(then, agreement({}, {}, raised)), 'without that it would be')
  const more = wider(standing(raised, NAME, then), agreement({ limits: { memory: '513M' } }, {}, raised))
  assert.deepEqual(more.limits, [{ limit: 'memoryBytes', before: 512 * M, after: 513 * M, hook: null }])
  const lowered: Config = { ...DEFAULT_CONFIG, ceilings: { memoryBytes: 32 * M } }
  assert.deepEqual(standing(lowered, NAME, then).limits, then.limits, 'what was agreed to is not less for it')
})

const hook = { path: 'bin/y' }
test('a hook that was not there is wider, and so is one with higher limits or another runtime', () => {
  const with1 = agreement({ hooks: { postinstall: hook } })
  assert.deepEqual(wider(agreement(), with1), { hooks: ['postinstall'] })
  assert.deepEqual(wider(agreement(), agreement({ health: hook })), { hooks: ['health'] })
  assert.deepEqual(wider(with1, agreement({ hooks: { postinstall: { path: 'bin/z' } } })), {}, 'its path is its own')
  assert.deepEqual(wider(with1, agreement()), {})
  assert.deepEqual(wider(with1, agreement({ hooks: { preremove: hook } })), { hooks: ['preremove'] })
  const hungry = agreement({ hooks: { postinstall: { ...hook, limits: { memory: '900M' } } } })
  assert.deepEqual(wider(with1, hungry), {
    limits: [{ limit: 'memoryBytes', before: 128 * M, after: 900 * M, hook: 'postinstall' }],
  })
  const node = agreement({ hooks: { postinstall: { ...hook, runtime: 'node' } } })
  assert.deepEqual(wider(with1, node), { hooks: ['postinstall'] })
})

test('another protocol and another runtime are wider; a server without an end is told as that alone', () => {
  const roomy = { memory: '512M', processes: 100 }
  assert.deepEqual(wider(agreement(), agreement({ protocol: 'mcp' })), { protocol: { before: 'stdio', after: 'mcp' } })
  const node = { entry: { runtime: 'node', path: 'main.js' }, limits: roomy }
  assert.deepEqual(wider(agreement({ limits: roomy }), agreement(node)), { runtime: { before: 'exec', after: 'node' } })
})

const A = signer('acme')
const OTHER = signer('other')
const SIGNED: readonly [what: string, before: Partial<Vouched>, after: Partial<Vouched>, found: object][] = [
  ['another key of the same principal', { signers: [A] }, { signers: [signer('acme', 'keyed', 'acme-2')] }, {}],
  ['a second key of it', { signers: [A] }, { signers: [A, signer('acme', 'keyed', 'acme-2')] }, {}],
  ['another principal', { signers: [A] }, { signers: [OTHER] }, { publisher: { joined: ['other'], left: ['acme'] } }],
  ['one principal more', { signers: [A] }, { signers: [A, OTHER] }, { publisher: { joined: ['other'], left: [] } }],
  ['one principal less', { signers: [A, OTHER] }, { signers: [A] }, { publisher: { joined: [], left: ['other'] } }],
  ['the same in another order', { signers: [A, OTHER] }, { signers: [OTHER, A] }, {}],
  [
    'a key in the place of a certificate',
    { signers: [signer('acme', 'keyless')] },
    { signers: [A] },
    { provenance: [{ kind: 'keyless', principal: 'acme' }] },
  ],
  [
    'a key beside a certificate',
    { signers: [signer('acme', 'keyless')] },
    { signers: [A, signer('acme', 'keyless')] },
    {},
  ],
  ['a certificate in the place of a key', { signers: [A] }, { signers: [signer('acme', 'keyless')] }, {}],
  [
    'a countersignature less',
    { countersigners: [signer('market'), signer('review')] },
    { countersigners: [signer('market')] },
    { provenance: [{ kind: 'countersigner', principal: 'review' }] },
  ],
  [
    'a countersignature with a key in the place of one with a certificate',
    { countersigners: [signer('review', 'keyless')] },
    { countersigners: [signer('review')] },
    { provenance: [{ kind: 'keyless', principal: 'review' }] },
  ],
  ['a countersignature more', {}, { countersigners: [signer('market')] }, {}],
  [
    'a list of files that nobody signed',
    { fileList: 'signed' },
    { fileList: 'recorded' },
    { provenance: [{ kind: 'file-list' }] },
  ],
  ['a list of files that somebody signed', { fileList: 'recorded' }, { fileList: 'signed' }, {}],
  [
    'a statement of another tool less',
    { predicates: ['slsa'] },
    {},
    { provenance: [{ kind: 'predicate', type: 'slsa' }] },
  ],
  ['a statement of another tool more', {}, { predicates: ['slsa'] }, {}],
]
for (const [what, before, after, found] of SIGNED) {
  test(`provenance: ${what} is ${Object.keys(found).length === 0 ? 'no widening' : 'a widening'}`, () => {
    assert.deepEqual(wider(agreement({}, before), agreement({}, after)), found)
  })
}

test('a release that nobody signed is always one to be asked about, also after another such', () => {
  const unsigned = agreement({}, { signers: [], fileList: 'recorded', unsignedUntil: '2026-12-01T00:00:00.000Z' })
  const lost = [{ kind: 'signature', until: '2026-12-01T00:00:00.000Z' }]
  assert.deepEqual(wider(unsigned, unsigned), { provenance: lost })
  assert.deepEqual(wider(agreement(), unsigned), { publisher: { joined: [], left: ['acme'] }, provenance: lost })
  assert.deepEqual(wider(unsigned, agreement()), { publisher: { joined: ['acme'], left: [] } })
})

test('at a first install everything beyond what a modest plugin gets is asked for', () => {
  const asked = agreement({ permissions: { env: ['A'] }, limits: { memory: '512M' }, hooks: { postinstall: hook } })
  assert.deepEqual(wider(modest(DEFAULT_CONFIG, NAME, asked), asked), {
    env: ['A'],
    limits: [{ limit: 'memoryBytes', before: 128 * M, after: 512 * M, hook: null }],
    hooks: ['postinstall'],
  })
  assert.deepEqual(wider(modest(DEFAULT_CONFIG, NAME, agreement()), agreement()), {})
})

test('what is kept as JSON is read back as it was, and nothing else for it', () => {
  const much = agreement({ permissions: { env: ['A'] }, hooks: { postinstall: hook }, protocol: 'mcp' })
  const again: unknown = JSON.parse(JSON.stringify(much))
  assert.ok(isAgreement(again))
  assert.equal(wideningOf(again, much), null)
  assert.equal(wideningOf(much, again), null)
  const widening: unknown = JSON.parse(JSON.stringify(wideningOf(agreement(), much)))
  assert.ok(isWidening(widening))
  for (const key of Object.keys(much)) {
    for (const wrong of [undefined, 7, [7], { network: 'x' }])
      assert.equal(isAgreement({ ...much, [key]: wrong }), false, `${key}: ${JSON.stringify(wrong)}`)
  }
  for (const key of Object.keys(widening)) assert.equal(isWidening({ ...widening, [key]: 'x' }), false, key)
  for (const value of [null, [], 'x', 7, {}]) assert.equal(isAgreement(value) || isWidening(value), false)
})

test('every kind of widening has its row', () => {
  const before = agreement(
    {},
    { signers: [signer('acme', 'keyless'), OTHER], countersigners: [A], predicates: ['slsa'] },
  )
  const after = agreement(
    {
      protocol: 'mcp',
      entry: { runtime: 'node', path: 'main.js' },
      permissions: { network: ['a.example.com:443'], read: ['/usr/share'], env: ['A'] },
      limits: { memory: '300M' },
      health: hook,
    },
    { signers: [A, signer('new')], fileList: 'recorded' },
  )
  const widening = wideningOf(before, after)
  assert.ok(widening)
  assert.deepEqual(
    wideningRows(widening).map(({ what, value }) => `${what}: ${value}`),
    [
      'network: a.example.com:443',
      'reads: /usr/share',
      'environment: A',
      'memory: 300M, was 128M',
      'processes: 64, was 32',
      'runs itself: health, after it was installed',
      'runtime: node, was exec',
      'protocol: mcp, was stdio',
      'publisher: new signs it, and did not before',
      'publisher: other signed before, and does not sign it',
      'provenance: acme signed with a certificate that a public log shows, and signs with a key alone',
      'provenance: acme countersigned before, and has not countersigned it',
      'provenance: its signers do not say which files it has; before, they did',
      'provenance: there is no statement of type slsa any more',
    ],
  )
})
