// The commands that sign, as a person or a CI job types them, against a Sigstore on loopback.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { after, afterEach, before, type TestContext, test } from 'node:test'
import { parsePublicKey, parseRotation, rotationSigner } from '../../src/verify/index.ts'
import { person, workflow } from '../helpers/sigstore/issuer.ts'
import { type Sigstore, startSigstore } from '../helpers/sigstore/sigstore.ts'
import { type Desk, desk } from '../marketplace/desk.ts'
import { BIN } from './cli.ts'

const TARBALL = 'acme-hello-1.0.0.tgz'

let sigstore: Sigstore
before(async () => {
  sigstore = await startSigstore()
})
afterEach(() => {
  sigstore.misbehave = {}
})
after(() => sigstore.close())

/** Not spawnSync: the services it talks to live in this process. */
async function plugins(own: Desk, line: readonly string[], { input = '', env = {} } = {}) {
  const child = spawn(process.execPath, [BIN, ...line], {
    cwd: own.folder,
    env: { PATH: '/usr/bin:/bin', ...env },
    timeout: 60_000,
  })
  child.stdin.on('error', () => {}) // a command that reads nothing may have ended before
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ])
  return { code, stdout: stdout.toString(), stderr: stderr.toString() }
}

const here = () => ['--fulcio-url', sigstore.urls.fulcio, '--rekor-url', sigstore.urls.rekor1]
const ada = () => sigstore.issuer.token(person('ada@example.com'))

function deskWithToken(context: TestContext) {
  const own = desk(context)
  const token = ada()
  writeFileSync(own.at('token'), `${token}\n`, { mode: 0o600 })
  return { own, token }
}

test('sign --keyless with a token from a file: Rekor v1, and v2 with a timestamp', async (t) => {
  const { own, token } = deskWithToken(t)
  const first = await plugins(own, ['sign', TARBALL, '--keyless', '--identity-token', '@token', ...here()])
  assert.equal(first.code, 0, first.stderr)
  assert.equal(first.stdout, `${TARBALL}.sigstore.json\n`)
  assert.match(first.stderr, /^signed acme\/hello 1\.0\.0 as ada@example\.com, vouched for by http:/)
  assert.match(first.stderr, /logged as entry \d+ of http:/)
  assert.ok(!`${first.stdout}${first.stderr}`.includes(token.slice(0, 40)))

  const version2 = ['--rekor-version', '2', '--fulcio-url', sigstore.urls.fulcio, '--rekor-url', sigstore.urls.rekor2]
  const line = ['sign', TARBALL, '--keyless', '--force', '--identity-token', '@token', ...version2]
  const timeless = await plugins(own, line)
  assert.equal(timeless.code, 2)
  assert.match(timeless.stderr, /without --timestamp-url: that log tells no time/)
  const second = await plugins(own, ['--json', ...line, '--timestamp-url', sigstore.urls.timestamp])
  assert.equal(second.code, 0, second.stdout)
  const report = JSON.parse(second.stdout)
  assert.deepEqual([report.identity.identity, report.replaced, report.signatures], ['ada@example.com', true, 1])
  assert.ok(report.timestamp)
})

test('the token may come from standard input, and on the command line it is warned about', async (t) => {
  const { own, token } = deskWithToken(t)
  const line = ['sign', TARBALL, '--keyless', ...here(), '--identity-token']
  assert.equal((await plugins(own, [...line, '-'], { input: `${token}\n` })).code, 0)
  const shown = await plugins(own, [...line, token, '--force'])
  assert.equal(shown.code, 0)
  assert.match(shown.stderr, /note: everybody on this machine can read a command line/)
  const none = await plugins(own, [...line, '@nowhere'])
  assert.equal(none.code, 1)
  assert.match(none.stderr, /cannot read the identity token/)
})

test('in GitHub Actions nothing has to be named but the services', async (t) => {
  const own = desk(t)
  sigstore.issuer.identity = workflow('acme/plugins')
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${sigstore.urls.issuer}/request-token?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: sigstore.issuer.requestToken,
  }
  const signed = await plugins(own, ['--json', 'sign', TARBALL, '--keyless', ...here()], { env })
  assert.equal(signed.code, 0, signed.stdout)
  assert.equal(
    JSON.parse(signed.stdout).identity.identity,
    'https://github.com/acme/plugins/.github/workflows/release.yml@refs/heads/main',
  )
})

test('without a token the error says where it was looked for, as text and as JSON', async (t) => {
  const own = desk(t)
  const text = await plugins(own, ['sign', TARBALL, '--keyless', ...here()])
  assert.equal(text.code, 2)
  assert.match(text.stderr, /looked for SIGSTORE_ID_TOKEN, GitHub Actions .*Buildkite.*CircleCI/)
  const json = await plugins(own, ['--json', 'sign', TARBALL, '--keyless', ...here()])
  assert.equal(JSON.parse(json.stdout).error.code, 'IDENTITY_TOKEN_NEEDED')
})

test('no failure shows a token: not on stdout, not on stderr, not in --json, not with BULKHEAD_DEBUG', async (t) => {
  const { own } = deskWithToken(t)
  const broken: Record<string, string> = {
    'refused by the authority': sigstore.issuer.token(person('ada@example.com'), { forged: true }),
    expired: sigstore.issuer.token(person('ada@example.com'), { expiresInS: -9 }),
    'for another': sigstore.issuer.token(person('ada@example.com'), { audience: 'another' }),
    'without a subject': sigstore.issuer.token({}),
    'cut off': ada().slice(0, -30),
    'no JSON': `${ada().split('.')[0]}.bm8ganNvbiBhdCBhbGwsIHNlY3JldA.c2lnbmF0dXJlLXNpZ25hdHVyZQ`,
  }
  for (const [title, token] of Object.entries(broken)) {
    writeFileSync(own.at('token'), token)
    for (const global of [[], ['--json'], ['--quiet']]) {
      const line = [...global, 'sign', TARBALL, '--keyless', '--identity-token', '@token', ...here()]
      const ran = await plugins(own, line, { env: { BULKHEAD_DEBUG: '1', NODE_DEBUG: '' } })
      assert.notEqual(ran.code, 0, title)
      assert.match(`${ran.stdout}${ran.stderr}`, /SIGNING_FAILED|IDENTITY_TOKEN|cannot/)
      for (const part of token.split('.')) {
        assert.ok(!`${ran.stdout}${ran.stderr}`.includes(part.slice(0, 24)), `${title}: ${ran.stdout}${ran.stderr}`)
      }
    }
  }
  assert.deepEqual(own.files(), [TARBALL, 'token'])
})

test('a service that is not there is named, exit 1', async (t) => {
  const { own } = deskWithToken(t)
  const gone = await startSigstore()
  const { fulcio, rekor1 } = gone.urls
  await gone.close()
  const line = [
    'sign',
    TARBALL,
    '--keyless',
    '--identity-token',
    '@token',
    '--fulcio-url',
    fulcio,
    '--rekor-url',
    rekor1,
  ]
  const ran = await plugins(own, ['--json', ...line])
  assert.equal(ran.code, 1)
  const { error } = JSON.parse(ran.stdout)
  assert.equal(error.code, 'SIGNING_FAILED')
  assert.equal(error.message, `cannot sign: the certificate authority at ${fulcio} refused the connection`)
  assert.deepEqual(error.details, { service: 'the certificate authority', url: fulcio })
})

test('what a CI job and a key have signed, and a market countersigned, a host verifies and trusts, without a network', async (t) => {
  const own = desk(t)
  for (const name of ['ada', 'market']) await own.key(name)
  mkdirSync(own.at('home'), { mode: 0o700 })
  sigstore.issuer.identity = workflow('acme/plugins', { repositoryId: '11', ownerId: '22' })
  const env = {
    BULKHEAD_HOME: own.at('home'),
    ACTIONS_ID_TOKEN_REQUEST_URL: `${sigstore.urls.issuer}/request-token`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: sigstore.issuer.requestToken,
  }
  const stamp = ['--timestamp-url', sigstore.urls.timestamp]
  writeFileSync(own.at('root.json'), sigstore.trustedRootBytes)
  const identity = 'https://github.com/acme/plugins/.github/workflows/release.yml@refs/heads/main'
  const job = ['--issuer', sigstore.urls.issuer, '--identity', identity, '--root', 'own']
  for (const line of [
    ['sign', TARBALL, '--keyless', ...here()],
    ['sign', TARBALL, '--key', 'ada.key', ...stamp],
    ['sign', TARBALL, '--key', 'market.key', '--countersign', ...stamp],
    ['trust', 'root', 'add', 'root.json', '--name', 'own'],
    ['trust', 'add', '--keyless', '--for', 'acme/*', ...job, '--repository-id', '11', '--owner-id', '22'],
    ['trust', 'add', 'ada.pub', '--for', 'acme/*', '--threshold', '2'],
    ['trust', 'add', 'market.pub', '--for', 'acme/*', '--countersigner'],
  ]) {
    const ran = await plugins(own, line, { env })
    assert.equal(ran.code, 0, `${line.join(' ')}: ${ran.stderr}`)
  }
  await sigstore.close()
  t.after(() => sigstore.start())
  const verified = await plugins(own, ['verify', TARBALL, '--explain'], { env })
  assert.equal(verified.code, 0, verified.stderr)
  assert.match(verified.stdout, /threshold +pass +2 of 2/)

  // Each signature is needed: without its line, the release is not accepted.
  const lines = readFileSync(own.at(`${TARBALL}.sigstore.jsonl`), 'utf8')
    .trim()
    .split('\n')
  for (const [index, code] of ['THRESHOLD_NOT_MET', 'THRESHOLD_NOT_MET', 'COUNTERSIGNATURE_MISSING'].entries()) {
    writeFileSync(own.at(`${TARBALL}.sigstore.jsonl`), `${lines.toSpliced(index, 1).join('\n')}\n`)
    const ran = await plugins(own, ['--json', 'verify', TARBALL], { env })
    assert.equal(JSON.parse(ran.stdout).error.code, code)
  }
})

test('flags that mean nothing together are refused', async (t) => {
  const own = desk(t)
  await own.key('bob')
  const lines = [
    [],
    ['--key', 'bob.key', '--keyless'],
    ['--key', 'bob.key', '--identity-token', '@token'],
    ['--key', 'bob.key', '--fulcio-url', 'https://fulcio.example.com'],
    ['--key', 'bob.key', '--rekor-url', 'https://rekor.example.com'],
    ['--key', 'bob.key', '--note', 'x'],
    ['--key', 'bob.key', '--countersign', '--sequence', '1'],
    ['--key', 'bob.key', '--countersign', '--expires', '2040-01-01'],
    ['--key', 'bob.key', '--timestamp-url', 'http://tsa.example.com'],
    ['--keyless', '--rekor-version', '3'],
    ['--keyless', '--fulcio-url', 'https://fulcio.example.com'],
  ]
  for (const line of lines) {
    const ran = await plugins(own, ['sign', TARBALL, ...line])
    assert.equal(ran.code, 2, `${line.join(' ')}: ${ran.stderr}`)
  }
  assert.deepEqual(own.files(), [TARBALL])
})

test('several sign one after the other, one of them countersigns, each with a time', async (t) => {
  const own = desk(t)
  for (const name of ['ada', 'bob', 'market']) await own.key(name)
  const stamp = ['--timestamp-url', sigstore.urls.timestamp]
  const one = await plugins(own, ['sign', TARBALL, '--key', 'ada.key', ...stamp])
  assert.equal(one.code, 0, one.stderr)
  assert.match(one.stderr, /\ntimestamp 20\d\d-/)
  const two = await plugins(own, ['sign', TARBALL, '--key', 'bob.key'])
  assert.equal(two.stdout, `${TARBALL}.sigstore.jsonl\n`)
  assert.match(two.stderr, /the file holds 2 signatures now/)
  const again = await plugins(own, ['sign', TARBALL, '--key', 'bob.key'])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /has signed it already\n\nhint: --force replaces that signature, and no other/)
  const three = await plugins(own, [
    'sign',
    TARBALL,
    '--key',
    'market.key',
    '--countersign',
    '--note',
    'scanned',
    ...stamp,
  ])
  assert.equal(three.code, 0, three.stderr)
  assert.match(three.stderr, /^countersigned acme\/hello 1\.0\.0 as ed25519:/)
  assert.deepEqual(
    own.bundles().map(({ timestamps }) => timestamps.length),
    [1, 0, 1],
  )
})

test('rotate writes what the old key says of the new one, once', async (t) => {
  const own = desk(t)
  const old = await own.key('acme')
  const next = await own.key('acme2')
  const line = ['rotate', '--old', 'acme.key', '--new', 'acme2.pub', '--out', 'rotation.json']
  const times = ['--valid-from', '2027-01-01T00:00:00Z', '--old-valid-until', '2027-02-01T00:00:00Z']
  const made = await plugins(own, [...line, ...times])
  assert.equal(made.code, 0, made.stderr)
  assert.equal(made.stdout, 'rotation.json\n')
  const bytes = readFileSync(own.at('rotation.json'))
  assert.equal(rotationSigner(bytes), old)
  const { publicKey } = parsePublicKey(readFileSync(own.at('acme.pub')), 'acme.pub')
  const read = await parseRotation(bytes, publicKey)
  assert.deepEqual(
    [read.oldKeyId, read.newPublicKey.id, read.validFrom, read.oldValidUntil],
    [old, next, '2027-01-01T00:00:00.000Z', '2027-02-01T00:00:00.000Z'],
  )
  const twice = await plugins(own, ['--json', ...line])
  assert.equal(JSON.parse(twice.stdout).error.code, 'FILE_EXISTS')
  assert.deepEqual(readFileSync(own.at('rotation.json')), bytes)

  const gap = ['--valid-from', '2028-01-01', '--old-valid-until', '2027-01-01']
  for (const [more, code] of [
    [['--out', 'gap.json', ...gap], 2],
    [['--out', 'self.json', '--new', 'acme.pub'], 2],
    [['--out', 'secret.json', '--new', 'acme2.key'], 1],
    [['--out', 'when.json', '--valid-from', 'soon'], 2],
  ] as const) {
    const ran = await plugins(own, [...line, ...more])
    assert.equal(ran.code, code, ran.stderr)
  }
  assert.deepEqual(own.files(), [TARBALL, 'rotation.json'])
})
