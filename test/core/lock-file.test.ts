import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assertCoherent, consentByLock, type FoundRelease } from '../../src/core/lock-consent.ts'
import { formatLockFile, type LockedPlugin, lockFileOf, lockSourceOf, spelled } from '../../src/core/lock-file.ts'
import { parseLockFile } from '../../src/core/lock-file-parser.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { requestOf } from '../../src/core/signed-manifest.ts'
import { hex, locked } from './locks.ts'

const FULL = locked('acme/hello', '1.2.0', {
  range: '^1',
  held: true,
  countersigners: [`ed25519:${hex('e', 64)}`],
  predicates: ['https://slsa.dev/provenance/v1'],
  platforms: ['linux/amd64', 'linux/arm64'],
  requires: { 'acme/lib': '^2' },
  runtime: 'exec',
  hooks: {
    health: { runtime: 'exec', limits: {} },
    postinstall: { runtime: 'python', limits: requestOf({ memory: '512M' }) },
  },
  permissions: { network: ['a.example.com:443', 'b.example.com:443'], read: ['/usr/share'], env: ['TOKEN'] },
  limits: requestOf({ memory: '128M', cpu: 0.5, timeout: '90s', processes: 8 }),
})
const LIB = locked('acme/lib', '2.0.0', { source: { file: 'acme-lib-2.0.0.tgz' }, signers: [] })
const parse = (value: unknown) =>
  parseLockFile(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), 'plugins.lock')
const document = (plugins: readonly LockedPlugin[] = [FULL, LIB]) => JSON.parse(formatLockFile({ plugins }))

test('it is made for review: one value a line, in one order, with nothing of a host in it', () => {
  assert.equal(
    formatLockFile({ plugins: [FULL] }),
    `{
  "lockVersion": 1,
  "plugins": [
    {
      "name": "acme/hello",
      "version": "1.2.0",
      "source": {
        "registry": "main",
        "url": "https://plugins.example.com/index.json"
      },
      "range": "^1",
      "held": true,
      "sha256": "${hex('a', 64)}",
      "sha512": "${hex('b', 128)}",
      "manifest": "${hex('c', 64)}",
      "signers": [
        "ed25519:${hex('d', 64)}"
      ],
      "countersigners": [
        "ed25519:${hex('e', 64)}"
      ],
      "predicates": [
        "https://slsa.dev/provenance/v1"
      ],
      "fileList": "signed",
      "platforms": [
        "linux/amd64",
        "linux/arm64"
      ],
      "requires": {
        "acme/lib": "^2"
      },
      "runtime": "exec",
      "protocol": "stdio",
      "hooks": {
        "health": {
          "runtime": "exec",
          "limits": {}
        },
        "postinstall": {
          "runtime": "python",
          "limits": {
            "memory": "512M"
          }
        }
      },
      "permissions": {
        "network": [
          "a.example.com:443",
          "b.example.com:443"
        ],
        "read": [
          "/usr/share"
        ],
        "env": [
          "TOKEN"
        ]
      },
      "limits": {
        "memory": "128M",
        "cpu": 0.5,
        "processes": 8,
        "timeout": "90s"
      }
    }
  ]
}
`,
  )
})

test('an order that somebody changed by hand changes nothing', () => {
  const turned = {
    plugins: [document().plugins[1], { ...document().plugins[0], platforms: ['linux/arm64', 'linux/amd64'] }],
    lockVersion: 1,
  }
  assert.equal(formatLockFile(parse(turned)), formatLockFile({ plugins: [FULL, LIB] }))
})

const segment = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
const name = fc.tuple(segment, segment).map((parts) => parts.join('/'))
const version = fc
  .tuple(fc.nat(99), fc.nat(99), fc.constantFrom('', '-rc.1', '+b.2'))
  .map(([a, b, c]) => `${a}.${b}.0${c}`)
const digest = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`))
const some = <T>(...values: readonly T[]) => fc.subarray([...values])
const size = fc
  .tuple(fc.integer({ min: 1, max: 999_999 }), fc.constantFrom('K', 'M', 'G'))
  .map((parts) => parts.join(''))
const duration = fc
  .tuple(fc.integer({ min: 1, max: 9_999_999 }), fc.constantFrom('ms', 's', 'm', 'h'))
  .map((p) => p.join(''))
const limits = fc.record(
  { memory: size, output: size, timeout: duration, idle: duration, cpu: fc.constant(0.25) },
  { requiredKeys: [] },
)
const plugin = fc
  .record({
    name,
    version,
    range: fc.constantFrom(null, '^1', '>=1.0.0-rc.1 <2'),
    held: fc.boolean(),
    sha256: digest(64),
    sha512: digest(128),
    manifest: digest(64),
    source: fc.constantFrom(FULL.source, LIB.source, { registry: 'r', url: null }, { url: 'http://127.0.0.1:80/' }),
    signers: some(`ed25519:${hex('1', 64)}`, 'https://issuer.example a@b.c'),
    countersigners: some(`ed25519:${hex('2', 64)}`, 'https://issuer.example r@b.c'),
    predicates: some('https://slsa.dev/provenance/v1', 'https://example.com/x'),
    fileList: fc.constantFrom('signed', 'recorded'),
    platforms: fc.constantFrom(null, ['linux/arm64']),
    requires: fc.dictionary(name, fc.constantFrom('*', '^1')),
    runtime: fc.constantFrom('exec', 'python'),
    protocol: fc.constantFrom('stdio', 'mcp'),
    hooks: fc.constantFrom(
      {},
      {
        health: { runtime: 'node', limits: requestOf({ timeout: '2m' }) },
        preremove: { runtime: 'exec', limits: requestOf({}) },
      },
    ),
    permissions: fc.record({ network: some('a.b:1', '*.c.d:2'), read: some('/usr', '/etc/x'), env: some('A', 'B') }),
    limits: limits.map(requestOf),
  })
  .map(({ requires, ...rest }) => {
    const { [rest.name]: _, ...others } = requires
    return { ...rest, requires: others } as unknown as LockedPlugin
  })

test('what is written is read as the same, and written again as the same bytes', () => {
  fc.assert(
    fc.property(fc.uniqueArray(plugin, { selector: (one) => one.name, maxLength: 5 }), (plugins) => {
      const text = formatLockFile({ plugins })
      const read = parse(text)
      assert.equal(formatLockFile(read), text)
      assert.equal(formatLockFile({ plugins: [...plugins].reverse() }), text)
      assert.deepEqual(
        read.plugins.map((one) => [one.name, spelled(one.limits), one.permissions.env]),
        [...plugins]
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map((one) => [one.name, spelled(one.limits), one.permissions.env]),
      )
    }),
  )
})

test('a limit is spelled so that it is read as the same number', () => {
  fc.assert(
    fc.property(limits, (asked) => {
      assert.deepEqual(requestOf(spelled(requestOf(asked))), requestOf(asked))
    }),
  )
})

test('every fault is told at once, each with its path', () => {
  const [first, second] = document().plugins
  const wrong = {
    lockVersion: 1,
    plugins: [
      { ...first, sha256: 'x', colour: 'red', source: { file: '../x.tgz' }, signers: ['a\u001b[2J'] },
      { ...second, version: '1', range: 'newest', permissions: { network: ['nowhere'] } },
    ],
  }
  assert.throws(
    () => parse(wrong),
    (error: { code: string; exitCode: number; message: string; details: { faults: string[] } }) => {
      assert.equal(error.code, 'LOCK_INVALID')
      assert.equal(error.exitCode, 1)
      assert.match(error.message, /^cannot use plugins\.lock: /)
      assert.deepEqual(error.details.faults.map((fault) => fault.slice(0, fault.indexOf(': '))).sort(), [
        'plugins[0].colour',
        'plugins[0].sha256',
        'plugins[0].signers[0]',
        'plugins[0].source.file',
        'plugins[1].permissions.network[0]',
        'plugins[1].range',
        'plugins[1].version',
      ])
      return true
    },
  )
})

test('what is there twice, needs itself or comes from a newer version is refused', () => {
  const [first] = document().plugins
  const refused = (value: unknown, message: RegExp) =>
    assert.throws(() => parse(value), { code: 'LOCK_INVALID', message })
  refused({ lockVersion: 1, plugins: [first, first] }, /plugins: acme\/hello is there twice/)
  refused({ lockVersion: 1, plugins: [{ ...first, requires: { 'acme/hello': '*' } }] }, /cannot require itself/)
  refused(
    { lockVersion: 1, plugins: [{ ...first, permissions: { ...first.permissions, env: ['A', 'A'] } }] },
    /plugins\[0\]\.permissions\.env: has a value twice/,
  )
  refused({ lockVersion: 2, plugins: 7 }, /lockVersion: 2 was written by a newer version/)
  refused('{"lockVersion":1,"lockVersion":1,"plugins":[]}', /has the key "lockVersion" twice/)
  refused('', /is not JSON/)
})

test('an address in it is one that anybody may read', () => {
  const [first] = document().plugins
  const from = (url: string) => ({ lockVersion: 1, plugins: [{ ...first, source: { registry: 'main', url } }] })
  assert.equal(parse(from('https://a.example/x?y')).plugins.length, 1)
  for (const url of ['https://user:secret@a.example/', 'file:///srv/plugins', '/srv/plugins', 'https://a b/']) {
    assert.throws(() => parse(from(url)), { code: 'LOCK_INVALID' }, url)
  }
})

test('where something comes from is told without a place of this host', () => {
  const registries = new Map([
    ['main', 'https://plugins.example.com/'],
    ['local', '/srv/plugins'],
  ])
  const of = (source: string | null) => lockSourceOf({ name: 'acme/a' as never, version: '1.0.0', source }, registries)
  assert.deepEqual(of('main'), { registry: 'main', url: 'https://plugins.example.com/' })
  assert.deepEqual(of('local'), { registry: 'local', url: null })
  assert.deepEqual(of('https://once.example/'), { url: 'https://once.example/' })
  assert.deepEqual([of('/home/me/plugins'), of(null)], [{ file: 'acme-a-1.0.0.tgz' }, { file: 'acme-a-1.0.0.tgz' }])
})

const manifest = parseManifest(
  Buffer.from(
    JSON.stringify({
      name: 'acme/hello',
      version: '1.2.0',
      entry: { runtime: 'exec', path: 'x' },
      health: { runtime: 'exec', path: 'x' },
      hooks: { postinstall: { runtime: 'python', path: 'x', limits: { memory: '512M' } } },
      platforms: ['linux/arm64', 'linux/amd64'],
      requires: { 'acme/lib': '^2' },
      limits: { memory: '128M', cpu: 0.5, timeout: '90s', processes: 8 },
      permissions: {
        network: ['b.example.com:443', 'a.example.com:443', 'c.example.com:443'],
        read: ['/usr/share'],
        env: ['TOKEN'],
      },
    }),
  ),
)
const FOUND: FoundRelease = {
  statement: { ...FULL, manifestDigest: FULL.manifest },
  signers: [...FULL.signers, 'https://issuer.example another@b.c'],
  countersigners: [...FULL.countersigners, 'https://issuer.example reviewer@b.c'],
  predicates: FULL.predicates,
  fileList: 'signed',
  manifest,
}

test('a line is made of what was verified; what this host alone adds to the network stays out of it', () => {
  const consent = { ...FULL.permissions, network: [...FULL.permissions.network, '*:*'] }
  const { plugins } = lockFileOf([
    {
      installation: { name: FULL.name, version: FULL.version, signers: FULL.signers, consent },
      statement: FOUND.statement,
      manifest,
      provenance: FULL,
      source: FULL.source,
      range: '^1',
      held: true,
    },
  ])
  assert.equal(formatLockFile({ plugins }), formatLockFile({ plugins: [FULL] }))
})

test('a lock file says yes to the bytes it names, and to no more than it grants', () => {
  assert.deepEqual(consentByLock(FULL, FOUND), FULL.permissions)
})

test('whatever is not as a reviewer read it is no yes, and every difference is told', () => {
  const refused = (line: Partial<LockedPlugin>, found: Partial<FoundRelease>, ...parts: readonly RegExp[]) =>
    assert.throws(
      () => consentByLock({ ...FULL, ...line }, { ...FOUND, ...found }),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'LOCK_DIFFERS')
        for (const part of parts) assert.match(error.message, part)
        return true
      },
    )
  refused({ sha256: hex('0', 64) as never, manifest: hex('0', 64) as never }, {}, /sha256 is aaa/, /manifest is ccc/)
  refused({ sha512: hex('0', 128) as never }, {}, /sha512 is bbb/)
  refused({}, { signers: [] }, /no signature counted of ed25519:ddd/)
  refused({}, { countersigners: [] }, /no countersignature counted of ed25519:eee/)
  refused({}, { predicates: [] }, /no statement counted of type https:\/\/slsa\.dev\/provenance\/v1/)
  refused({}, { fileList: 'recorded' }, /its signers do not say which files it has/)
  refused({ limits: requestOf({ memory: '64M' }) }, {}, /limits is/)
  refused({ requires: {}, platforms: null }, {}, /platforms is/, /requires is/)
  const { health, postinstall } = FULL.hooks
  refused({ hooks: { health } }, {}, /hooks is \{"health":.*"postinstall":.*\}, the lock file has \{"health":[^p]*\}$/)
  refused({ hooks: { health, postinstall: health } }, {}, /hooks is .*"runtime":"python"/)
  refused({ hooks: { health, postinstall: postinstall && { ...postinstall, limits: {} } } }, {}, /hooks is .*536870912/)
  refused({ runtime: 'node', protocol: 'mcp' }, {}, /runtime is exec/, /protocol is stdio/)
  refused(
    { permissions: { ...FULL.permissions, env: ['TOKEN', 'SECRET'] } },
    {},
    /the lock file grants env \["SECRET"\], which it does not ask for/,
  )
})

test('what a lock file has must go together', async () => {
  await assertCoherent({ plugins: [FULL, LIB] }, 'plugins.lock')
  await assert.rejects(assertCoherent({ plugins: [FULL] }, 'plugins.lock'), {
    code: 'LOCK_INVALID',
    message: /acme\/hello 1\.2\.0 needs acme\/lib \^2, and there is none/,
  })
  await assert.rejects(
    assertCoherent({ plugins: [FULL, { ...LIB, version: '3.0.0', requires: { 'acme/hello': '*' } }] }, 'plugins.lock'),
    {
      code: 'LOCK_INVALID',
      message: /needs acme\/lib \^2, and there is 3\.0\.0; acme\/hello → acme\/lib → acme\/hello is a cycle/,
    },
  )
})
