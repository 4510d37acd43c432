// An OpenID Connect issuer: signs identity tokens, and publishes its keys for whoever checks them.

import { createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import { Refusal, type Reply, type Request, type Routes } from './loopback.ts'
import { type Key, makeKey } from './x509.ts'

export type Claims = Readonly<Record<string, unknown>>

/** A person, as an e-mail provider vouches for them. */
export const person = (email: string): Claims => ({ sub: `user-${email}`, email, email_verified: true })

/** A job of a CI system, with the claims that GitHub gives; `ids` are what a renamed repository keeps. */
export function workflow(
  repository: string,
  { file = 'release.yml', ref = 'refs/heads/main', repositoryId = '1001', ownerId = '2002' } = {},
): Claims {
  const path = `${repository}/.github/workflows/${file}@${ref}`
  return {
    sub: `repo:${repository}:ref:${ref}`,
    job_workflow_ref: path,
    job_workflow_sha: 'f'.repeat(40),
    workflow_ref: path,
    workflow_sha: 'f'.repeat(40),
    workflow: 'release',
    event_name: 'push',
    ref,
    sha: 'f'.repeat(40),
    repository,
    repository_id: repositoryId,
    repository_owner: repository.split('/')[0],
    repository_owner_id: ownerId,
    repository_visibility: 'public',
    runner_environment: 'github-hosted',
    run_id: '42',
    run_attempt: '1',
  }
}

export interface TokenOptions {
  readonly audience?: string
  readonly expiresInS?: number
  /** Signed by a key that the issuer never published. */
  readonly forged?: boolean
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export class Issuer {
  readonly #key = makeKey()
  readonly #stranger = makeKey()
  readonly #keyId = randomBytes(8).toString('hex')
  /** What a CI job shows to get a token: GitHub's `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. */
  readonly requestToken = randomBytes(16).toString('hex')
  /** Who asks at the request URL. */
  identity: Claims = workflow('acme/plugins')
  #url = ''
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
  }

  get url(): string {
    return this.#url
  }

  token(claims: Claims, { audience = 'sigstore', expiresInS = 300, forged = false }: TokenOptions = {}): string {
    const nowS = Math.floor(this.#now().getTime() / 1000)
    const header = base64url({ alg: 'ES256', typ: 'JWT', kid: this.#keyId })
    const body = base64url({ iss: this.#url, aud: audience, iat: nowS, nbf: nowS, exp: nowS + expiresInS, ...claims })
    const { secret } = forged ? this.#stranger : this.#key
    const signature = sign('sha256', Buffer.from(`${header}.${body}`), { key: secret, dsaEncoding: 'ieee-p1363' })
    return `${header}.${body}.${signature.toString('base64url')}`
  }

  routes(url: string): Routes {
    this.#url = url
    return {
      'GET /.well-known/openid-configuration': () => ({
        status: 200,
        body: { issuer: url, jwks_uri: `${url}/keys`, id_token_signing_alg_values_supported: ['ES256'] },
      }),
      'GET /keys': () => ({ status: 200, body: { keys: [this.#jwk(this.#key)] } }),
      'GET /request-token': (request) => this.#hand(request),
    }
  }

  #jwk(key: Key): object {
    return { ...createPublicKey(key.secret).export({ format: 'jwk' }), kid: this.#keyId, alg: 'ES256', use: 'sig' }
  }

  /** GitHub's request URL: https://docs.github.com/en/actions/reference/openid-connect-reference */
  #hand(request: Request): Reply {
    if (request.headers.authorization !== `Bearer ${this.requestToken}`) throw new Refusal('not this job', 401)
    const audience = request.url.searchParams.get('audience') ?? 'nobody'
    return { status: 200, body: { value: this.token(this.identity, { audience }) } }
  }
}

interface Jwks {
  readonly keys: readonly (Record<string, unknown> & { readonly kid?: string })[]
}

/**
 * What a relying party does with a token (OpenID Connect Core, 3.1.3.7): discovery, then signature, issuer, audience
 * and time. @throws Refusal
 */
export async function checkToken(token: string, issuers: readonly string[], now: Date): Promise<Claims> {
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  if (more.length > 0 || signature === '') throw new Refusal('the token has not three parts', 401)
  const header = partOf(head)
  const claims = partOf(body)
  const issuer = issuers.find((known) => known === claims.iss)
  if (issuer === undefined) throw new Refusal('the token is of an issuer that is not known here', 401)
  const discovered = await getJson<{ issuer: string; jwks_uri: string }>(`${issuer}/.well-known/openid-configuration`)
  if (discovered.issuer !== issuer) throw new Refusal('the issuer calls itself otherwise', 401)
  const { keys } = await getJson<Jwks>(discovered.jwks_uri)
  const jwk = keys.find(({ kid }) => kid === header.kid)
  if (header.alg !== 'ES256' || jwk === undefined) throw new Refusal('the token names no key of its issuer', 401)
  const key = createPublicKey({ key: jwk as never, format: 'jwk' })
  const signed = Buffer.from(`${head}.${body}`)
  const bytes = Buffer.from(signature, 'base64url')
  if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, bytes)) {
    throw new Refusal('the token is not signed by its issuer', 401)
  }
  if (claims.aud !== 'sigstore') throw new Refusal('the token is for another audience', 401)
  if (!(Number(claims.exp) * 1000 > now.getTime())) throw new Refusal('the token has expired', 401)
  return claims
}

function partOf(part: string): Claims {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims
  } catch {
    throw new Refusal('the token is no JSON', 401)
  }
}

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Refusal(`${url} answers ${response.status}`, 401)
  return (await response.json()) as T
}
