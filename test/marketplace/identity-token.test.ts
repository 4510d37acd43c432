// Whose signature it will be: the token, where it comes from, and that nothing shows it.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { PluginError } from '../../src/index.ts'
import { IdentityToken } from '../../src/verify/signing/identity-token.ts'
import { workflow } from '../helpers/sigstore/issuer.ts'
import { type Desk, desk } from './desk.ts'
import { ADA, assertSilent, given, keyless, sigstore, verified } from './keyless-desk.ts'

describe('an identity token', () => {
  const unfit: readonly [string, () => string, RegExp][] = [
    ['is empty', () => '', /three parts/],
    ['is no token', () => 'not a token', /three parts/],
    ['has four parts', () => 'a.b.c.d', /three parts/],
    ['has claims that are no JSON', () => 'abc.abc.abc', /claims in JSON/],
    ['has expired', () => given(ADA, { expiresInS: -60 }).text, /expired at/],
    ['is for somebody else', () => given(ADA, { audience: 'bank' }).text, /found one for "bank"/],
    ['has an address that nobody verified', () => given({ ...ADA, email_verified: false }).text, /did not verify/],
    ['names nobody', () => given({ sub: undefined }).text, /names nobody/],
    ['is too large', () => 'x'.repeat(70_000), /more than 65536/],
  ]
  for (const [title, make, message] of unfit) {
    test(`that ${title} is refused here and sent to nobody`, async (t) => {
      const own = desk(t)
      const asked = sigstore.requests('fulcio').length
      const text = make()
      await assert.rejects(keyless(own, { identityToken: { text, source: 'token.txt' } }), (error: PluginError) => {
        assert.deepEqual([error.code, error.exitCode], ['IDENTITY_TOKEN_INVALID', 1])
        assert.match(error.message, message)
        assertSilent(error, text)
        return true
      })
      assert.equal(sigstore.requests('fulcio').length, asked)
    })
  }

  test('is shown by nothing that prints or serialises it', () => {
    const { text } = given()
    const token = new IdentityToken(text, 'https://issuer.example.com', 'ada')
    for (const shown of [`${token}`, JSON.stringify({ token }), inspect(token), inspect({ token }, { depth: 9 })]) {
      assert.doesNotMatch(shown, /eyJ/)
    }
  })

  test('of the audience that a private authority wants can be asked for', async (t) => {
    const own = desk(t)
    const other = { identityToken: given(ADA, { audience: 'our-fulcio' }), audience: 'our-fulcio' }
    // The token passes here; this authority wants another, and says so.
    await assert.rejects(keyless(own, other), { code: 'SIGNING_FAILED', message: /answered 401: .*audience/ })
  })

  test('that the authority refuses is never repeated, not even when its answer quotes it', async (t) => {
    const own = desk(t)
    for (const answers of [{}, { fulcio: 'echo' }] as const) {
      sigstore.misbehave = { answers }
      const token = given(ADA, { forged: true })
      await assert.rejects(keyless(own, { identityToken: token }), (error: PluginError) => {
        assert.equal(error.code, 'SIGNING_FAILED')
        assert.match(error.message, /certificate authority at http:.* answered 40[01]: /)
        assertSilent(error, token.text)
        return true
      })
    }
  })
})

describe('the environment', () => {
  const github = () => ({
    ACTIONS_ID_TOKEN_REQUEST_URL: `${sigstore.urls.issuer}/request-token?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: sigstore.issuer.requestToken,
  })

  test('of GitHub Actions gives a token for this job', async (t) => {
    const own = desk(t)
    sigstore.issuer.identity = workflow('acme/plugins', { repositoryId: '11', ownerId: '22' })
    const signed = await keyless(own, { identityToken: undefined, environment: github() })
    assert.equal(
      signed.identity?.identity,
      'https://github.com/acme/plugins/.github/workflows/release.yml@refs/heads/main',
    )
    verified(own.bundles()[0]?.json)
  })

  test('of GitHub Actions that refuses, or answers without a token, is named', async (t) => {
    const own = desk(t)
    const wrong = { ...github(), ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'a-secret-of-another-job' }
    await assert.rejects(keyless(own, { identityToken: undefined, environment: wrong }), (error: PluginError) => {
      assert.equal(error.code, 'SIGNING_FAILED')
      assert.match(error.message, /GitHub's token service at http.* answered 401/)
      assert.doesNotMatch(inspect(error, { depth: 12 }), /a-secret-of-another-job/)
      return true
    })
    sigstore.misbehave = { answers: { issuer: 'other-json' } }
    await assert.rejects(keyless(own, { identityToken: undefined, environment: github() }), {
      code: 'SIGNING_FAILED',
      message: /without a token/,
    })
    const elsewhere = { ...github(), ACTIONS_ID_TOKEN_REQUEST_URL: 'http://tokens.example.com/' }
    await assert.rejects(keyless(own, { identityToken: undefined, environment: elsewhere }), { code: 'USAGE' })
  })

  test('of GitLab, and whoever else prepares one, gives SIGSTORE_ID_TOKEN', async (t) => {
    const own = desk(t)
    const signed = await keyless(own, { identityToken: undefined, environment: { SIGSTORE_ID_TOKEN: given().text } })
    assert.equal(signed.identity?.identity, 'ada@example.com')
  })

  /** A program on the PATH that prints what it is told, after noting how it was called. */
  const programs = (own: Desk, name: string, body: string) => {
    mkdirSync(own.at('bin'), { recursive: true })
    writeFileSync(own.at(`bin/${name}`), `#!/bin/sh\necho "$@" > ${own.at('called')}\n${body}\n`, { mode: 0o755 })
    return { PATH: `${own.at('bin')}:/usr/bin:/bin`, TOKEN: given().text }
  }

  test('of Buildkite is asked through its agent', async (t) => {
    const own = desk(t)
    const environment = { ...programs(own, 'buildkite-agent', 'echo "$TOKEN"'), BUILDKITE: 'true' }
    await keyless(own, { identityToken: undefined, environment })
    assert.equal(readFileSync(own.at('called'), 'utf8'), 'oidc request-token --audience sigstore\n')
  })

  test('of CircleCI is asked through its command, else the prepared token is taken', async (t) => {
    const own = desk(t)
    const environment = { ...programs(own, 'circleci', 'echo "$TOKEN"'), CIRCLECI: 'true' }
    await keyless(own, { identityToken: undefined, environment })
    assert.equal(readFileSync(own.at('called'), 'utf8'), 'run oidc get --claims {"aud":"sigstore"}\n')
    const bare = { PATH: '/nowhere', CIRCLECI: 'true', CIRCLE_OIDC_TOKEN_V2: given().text }
    assert.equal((await keyless(own, { identityToken: undefined, environment: bare }, { replace: true })).signatures, 1)
    const ofOrganisation = { ...bare, CIRCLE_OIDC_TOKEN_V2: given(ADA, { audience: 'organisation-id' }).text }
    await assert.rejects(keyless(own, { identityToken: undefined, environment: ofOrganisation }), {
      code: 'IDENTITY_TOKEN_INVALID',
    })
  })

  test('whose program fails, hangs, prints nothing or is not there is named, and what it printed is not shown', async (t) => {
    const own = desk(t)
    for (const [body, message] of [
      ['echo "$TOKEN"; exit 3', /ended with 3/],
      ['exec sleep 30', /took longer than 500 ms/],
      ['exit 0', /printed nothing/],
    ] as const) {
      const environment = { ...programs(own, 'buildkite-agent', body), BUILDKITE: 'true' }
      const attempt = keyless(own, { identityToken: undefined, environment }, { timeoutMs: 500 })
      await assert.rejects(attempt, (error: PluginError) => {
        assert.equal(error.code, 'SIGNING_FAILED')
        assert.match(error.message, message)
        assertSilent(error, environment.TOKEN)
        return true
      })
    }
    const nowhere = { PATH: '/nowhere', BUILDKITE: 'true' }
    await assert.rejects(keyless(own, { identityToken: undefined, environment: nowhere }), { message: /is not there/ })
  })

  test('without any token is an error that says what was looked for', async (t) => {
    const own = desk(t)
    for (const [environment, hint] of [
      [{}, /--identity-token @FILE/],
      [{ GITHUB_ACTIONS: 'true' }, /id-token: write/],
      [{ GITLAB_CI: 'true' }, /SIGSTORE_ID_TOKEN/],
    ] as const) {
      await assert.rejects(keyless(own, { identityToken: undefined, environment }), (error: PluginError) => {
        assert.deepEqual([error.code, error.exitCode], ['IDENTITY_TOKEN_NEEDED', 2])
        for (const name of ['SIGSTORE_ID_TOKEN', 'GitHub Actions', 'Buildkite', 'CircleCI']) {
          assert.ok(error.message.includes(name), name)
        }
        assert.match(error.hint ?? '', hint)
        return true
      })
    }
  })
})
