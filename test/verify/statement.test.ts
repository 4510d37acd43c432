import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PAYLOAD_TYPE, type ReleaseStatement, type SignedFile } from '../../src/core/statement.ts'
import { parseBundles } from '../../src/verify/bundle.ts'
import { buildStatement, parseStatement } from '../../src/verify/statement.ts'
import { authority } from '../helpers/authority.ts'
import { edited, type Json, places } from '../helpers/edited.ts'

const publisher = await authority()
const { statement, bundle } = publisher.publish({ files: { 'lib/a.js': 'a', 'lib/b/c.js': 'c', 'ü.txt': '' } })
const payload = parseBundles(bundle)[0]?.payload ?? Buffer.alloc(0)
const SUBJECT = ['subject', 0]
const PREDICATE = ['predicate']

function refused(bytes: Buffer, reason: RegExp, payloadType = PAYLOAD_TYPE): void {
  assert.throws(() => parseStatement(payloadType, bytes), { code: 'STATEMENT_INVALID', message: reason })
}
const change = (path: readonly (string | number)[], value: Json | undefined): Buffer => edited(payload, path, value)

test('reads back what it wrote', () => {
  assert.deepEqual(parseStatement(PAYLOAD_TYPE, payload), statement)
  const expiring = { ...statement, expiresAt: '2027-01-01T00:00:00.5Z' }
  assert.deepEqual(parseStatement(PAYLOAD_TYPE, buildStatement(expiring)), expiring)
})

test('gives the same bytes for the same release', () => {
  assert.deepEqual(buildStatement(statement), payload)
})

test('writes nothing that it would not read', () => {
  const wrong: readonly Partial<ReleaseStatement>[] = [
    { version: '1.0' },
    { publishedAt: 'yesterday' },
    { files: [] },
    { sequence: -1 },
    { files: [...statement.files].reverse() },
  ]
  for (const part of wrong) {
    assert.throws(() => buildStatement({ ...statement, ...part }), { code: 'STATEMENT_INVALID' })
  }
})

test('ignores what it does not know, as in-toto requires, but not in a set of digests', () => {
  for (const path of [['extra'], [...SUBJECT, 'uri'], [...PREDICATE, 'builder'], [...PREDICATE, 'files', 0, 'mode']]) {
    assert.deepEqual(parseStatement(PAYLOAD_TYPE, change(path, { any: ['thing'] })), statement)
  }
  refused(change([...SUBJECT, 'digest', 'md5'], '0'.repeat(32)), /digest\.md5 is not a known key/)
  refused(change([...PREDICATE, 'manifestDigest', 'sha512'], '0'.repeat(128)), /not a known key/)
})

test('refuses any other payload type before it looks at the payload', () => {
  for (const type of ['application/json', `${PAYLOAD_TYPE} `, 'application/vnd.in-toto.provenance+json', '']) {
    refused(payload, /payloadType must be/, type)
    refused(Buffer.from('not json'), /payloadType must be/, type)
  }
})

test('refuses other statement and predicate types', () => {
  refused(change(['_type'], 'https://in-toto.io/Statement/v0.1'), /_type must be/)
  refused(change(['predicateType'], 'https://slsa.dev/provenance/v1'), /predicateType must be .*found "https:\/\/slsa/)
  refused(change(['predicateType'], 'https://bulkhead.dev/attestation/release/v2'), /predicateType/)
})

test('names exactly one tarball', () => {
  const subject = JSON.parse(payload.toString()).subject[0] as Json
  refused(change(['subject'], []), /exactly one tarball, found 0/)
  refused(change(['subject'], [subject, subject]), /exactly one tarball, found 2/)
})

test('refuses names that are no plugin at a version', () => {
  for (const name of [
    'acme/hello',
    'acme/hello@',
    '@1.0.0',
    'acme@1.0.0',
    'Acme/hello@1.0.0',
    'acme/hello@1.0',
    'acme/hello@01.0.0',
    'acme/hello@1.0.0 ',
    'acme/hello@@1.0.0',
    '../x@1.0.0',
    'acme/hello@1.0.0\n',
    'a/b/c@1.0.0',
    `acme/hello@1.0.0-${'a'.repeat(80)}`,
  ]) {
    refused(change([...SUBJECT, 'name'], name), /subject\[0\]\.name/)
  }
})

test('needs both digests, in lower case, at full length', () => {
  for (const algorithm of ['sha256', 'sha512']) {
    const path = [...SUBJECT, 'digest', algorithm]
    const digest = algorithm === 'sha256' ? statement.sha256 : statement.sha512
    for (const value of [undefined, null, '', digest.slice(1), `${digest}0`, digest.toUpperCase(), `${digest}\n`, 7]) {
      refused(change(path, value as Json), new RegExp(algorithm))
    }
  }
})

test('holds the list of files to the rules for archives', () => {
  const path = [...PREDICATE, 'files', 0, 'path']
  for (const name of [
    '../x',
    '/etc/passwd',
    'a/../b',
    './a',
    'a//b',
    'a/',
    '',
    '.',
    'C:/x',
    'a\\b',
    'a\nb',
    'a\u0000',
    'e\u0301',
    'a\u202eb',
    `${'d/'.repeat(40)}f`,
    'x'.repeat(256),
  ]) {
    refused(change(path, name), /files\[0\]\.path/)
  }
})

test('wants files sorted by byte, each once, none of them a folder', () => {
  const file = (path: string): Json => ({ path, size: 1, executable: false, sha256: '0'.repeat(64) })
  const list = (...paths: string[]) => {
    const manifest = statement.files.find((entry) => entry.path === 'plugin.json') as unknown as Json
    return change(
      [...PREDICATE, 'files'],
      paths.map((path) => (path === 'plugin.json' ? manifest : file(path))),
    )
  }
  assert.ok(parseStatement(PAYLOAD_TYPE, list('a', 'a-b', 'a.b', 'plugin.json')))
  // U+FF5E comes before U+1F600 in bytes, and after it in UTF-16.
  assert.ok(parseStatement(PAYLOAD_TYPE, list('plugin.json', '\uff5e', '\u{1f600}')))
  refused(list('plugin.json', '\u{1f600}', '\uff5e'), /byte order/)
  refused(list('plugin.json', 'plugin.json'), /byte order, once/)
  refused(list('b', 'a', 'plugin.json'), /byte order/)
  refused(list('a', 'a-b', 'a/b', 'plugin.json'), /a file and a folder at once/)
  refused(list('lib', 'lib/x/y', 'plugin.json'), /files\[0\].*a file and a folder/)
  refused(list('a'), /must list plugin\.json/)
})

test('a path that holds a line feed is never taken for two', () => {
  const files = [{ path: 'a\nb', size: 1, executable: false, sha256: '0'.repeat(64) }, ...statement.files]
  refused(change([...PREDICATE, 'files'], files as unknown as Json), /control/)
})

test('the manifest digest is that of plugin.json in the list', () => {
  refused(change([...PREDICATE, 'manifestDigest', 'sha256'], '0'.repeat(64)), /digest that files lists/)
})

test('refuses sizes and numbers beyond their bounds', () => {
  for (const size of [-1, 1.5, 2 ** 40, '1', null, undefined]) {
    refused(change([...PREDICATE, 'files', 0, 'size'], size as Json), /files\[0\]\.size/)
  }
  for (const sequence of [-1, 0.5, '1', null, undefined]) {
    refused(change([...PREDICATE, 'sequence'], sequence as Json), /sequence/)
  }
  refused(Buffer.from(payload.toString().replace('"sequence":1', '"sequence":9007199254740993')), /2\^53/)
  refused(Buffer.from(payload.toString().replace('"sequence":1', '"sequence":-0')), /sequence/)
})

test('refuses times that are none, or have another spelling', () => {
  for (const time of [
    '2026-02-30T00:00:00Z',
    '2026-11-01T08:00:00+01:00',
    '2026-11-01',
    '2026-11-01T24:00:00Z',
    1,
    '2026-11-01 08:00:00Z',
  ]) {
    refused(change([...PREDICATE, 'publishedAt'], time), /publishedAt/)
    refused(change([...PREDICATE, 'expiresAt'], time), /expiresAt/)
  }
  refused(change([...PREDICATE, 'expiresAt'], null), /expiresAt/)
})

test('refuses JSON that two readers would read differently', () => {
  const text = payload.toString()
  refused(Buffer.from(text.replace('"predicateType"', '"subject":[],"predicateType"')), /"subject" twice/)
  refused(Buffer.from(text.replace('{"sha256"', '{"__proto__":{},"sha256"')), /__proto__/)
  refused(Buffer.from(`\ufeff${text}`), /byte order mark/)
  refused(Buffer.from(`${text}{}`), /not JSON/)
  refused(Buffer.concat([payload, Buffer.from([0xff])]), /UTF-8/)
  refused(Buffer.from(text.replace('"executable"', `"x":${'['.repeat(20)}${']'.repeat(20)},"executable"`)), /deep/)
})

test('every required place, taken away or of another type, is a fault', () => {
  const optional = /mode|expiresAt/
  for (const place of places(JSON.parse(payload.toString()))) {
    if (optional.test(String(place.at(-1)))) continue
    // Without one of the files it is a good list of fewer files.
    if (place.at(-2) !== 'files') refused(change(place, undefined), /./)
    refused(change(place, null), /./)
    refused(change(place, { toString: 'x' }), /./)
  }
})

test('any list of files that is right is read back as it was', () => {
  const name = fc.string({ unit: fc.constantFrom(...'abcXYZ019._- ~é日'), minLength: 1, maxLength: 12 })
  const path = fc
    .array(
      name.filter((text) => text !== '.' && text !== '..'),
      { minLength: 1, maxLength: 4 },
    )
    .map((p) => p.join('/'))
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
  const file = fc.record(
    { path, size: fc.nat(1_000_000), executable: fc.boolean(), sha256: hex },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.uniqueArray(file, { selector: (f) => f.path.toLowerCase(), maxLength: 20 }), (files) => {
      const manifest = statement.files.filter((f) => f.path === 'plugin.json')
      const all = [...(files as unknown as SignedFile[]), ...manifest]
        .filter((f) => !isCrossed(files, f.path))
        .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
      const wanted = { ...statement, files: all }
      assert.deepEqual(parseStatement(PAYLOAD_TYPE, buildStatement(wanted)), wanted)
    }),
  )
})

/** Whether some other path lies below this one, so that it would be a folder. */
const isCrossed = (files: readonly { path: string }[], path: string): boolean =>
  files.some((other) => other.path.startsWith(`${path}/`)) || (path !== 'plugin.json' && path.startsWith('plugin.json'))

test('nothing but STATEMENT_INVALID comes out of any payload', () => {
  const text = payload.toString()
  const mutated = fc
    .tuple(fc.nat(text.length - 1), fc.nat(40), fc.string({ maxLength: 12 }))
    .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut))
  fc.assert(
    fc.property(fc.oneof(mutated, fc.json()), (input) => {
      try {
        parseStatement(PAYLOAD_TYPE, Buffer.from(input))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'STATEMENT_INVALID')
        assert.doesNotMatch((error as Error).message, /\p{Cc}/u)
      }
    }),
    { numRuns: 1000 },
  )
})
