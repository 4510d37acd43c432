import { execFile } from 'node:child_process'
import { PluginError, UsageError } from '../../core/errors.ts'
import { parseStrictJson } from '../../core/json.ts'
import { type IdentityToken, parseIdentityToken, SIGSTORE_AUDIENCE, TOKEN_MAX_BYTES } from './identity-token.ts'
import { ANSWER_MS, ask, serviceOf, signingFailed } from './service.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface TokenRequest {
  /** A token that was given; without one the environment is asked. */
  readonly given?: { readonly text: string; readonly source: string } | undefined
  readonly environment: Environment
  readonly audience?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly now: Date
}

type Finder = (request: TokenRequest, audience: string) => Promise<string | null>

/** Who is asked, in this order: a token made for Sigstore first, then what the CI system gives to its job. */
const SOURCES: readonly (readonly [name: string, find: Finder])[] = [
  ['SIGSTORE_ID_TOKEN', async ({ environment }) => textOf(environment.SIGSTORE_ID_TOKEN)],
  ['GitHub Actions (ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN)', fromGitHub],
  ['Buildkite (BUILDKITE and buildkite-agent)', fromBuildkite],
  ['CircleCI (CIRCLECI and circleci, or CIRCLE_OIDC_TOKEN_V2)', fromCircle],
]

/**
 * @throws PluginError `IDENTITY_TOKEN_NEEDED` saying what was looked for, `IDENTITY_TOKEN_INVALID`
 * @throws FetchError `SIGNING_FAILED` when a CI system does not give the token that it promises
 */
export async function findIdentityToken(request: TokenRequest): Promise<IdentityToken> {
  const { given, audience = SIGSTORE_AUDIENCE, now } = request
  if (given !== undefined) return parseIdentityToken(bounded(given.text, given.source), given.source, audience, now)
  for (const [name, find] of SOURCES) {
    const found = await find(request, audience)
    if (found !== null) return parseIdentityToken(bounded(found, name), name, audience, now)
  }
  throw new UsageError(
    'IDENTITY_TOKEN_NEEDED',
    `cannot sign without a key: no identity token was given, and the environment has none; looked for ${SOURCES.map(([name]) => name).join(', ')}`,
    { hint: hintFor(request.environment), details: { lookedFor: SOURCES.map(([name]) => name) } },
  )
}

function hintFor(environment: Environment): string {
  if (environment.GITHUB_ACTIONS === 'true') return 'the job needs "permissions: id-token: write" in its workflow'
  if (environment.GITLAB_CI === 'true') return 'the job needs "id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore"'
  return '--identity-token @FILE, or - to read it from standard input'
}

const textOf = (value: string | undefined): string | null => (value === undefined || value === '' ? null : value)

function bounded(text: string, source: string): string {
  if (text.length <= TOKEN_MAX_BYTES) return text.trim()
  const reason = `it has ${text.length} characters, more than ${TOKEN_MAX_BYTES}`
  throw new PluginError('IDENTITY_TOKEN_INVALID', `cannot use the identity token of ${source}: ${reason}`)
}

/** https://docs.github.com/actions/reference/openid-connect-reference: the request URL has a query of its own. */
async function fromGitHub({ environment, timeoutMs }: TokenRequest, audience: string): Promise<string | null> {
  const address = textOf(environment.ACTIONS_ID_TOKEN_REQUEST_URL)
  const bearer = textOf(environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN)
  if (address === null || bearer === null) return null
  const url = URL.canParse(address) ? new URL(address) : null
  const origin = `${url?.origin ?? address}${url?.pathname ?? ''}`
  const service = serviceOf("GitHub's token service", origin, 'ACTIONS_ID_TOKEN_REQUEST_URL')
  url?.searchParams.set('audience', audience)
  const answer = await ask(service, {
    method: 'GET',
    path: url?.search ?? '',
    headers: { accept: 'application/json', authorization: `Bearer ${bearer}` },
    maxBytes: 2 * TOKEN_MAX_BYTES,
    timeoutMs,
    secret: bearer,
  })
  const json = parseStrictJson(answer, { maxBytes: 2 * TOKEN_MAX_BYTES, maxDepth: 8 })
  const { value } = (json.ok ? (json.value ?? {}) : {}) as { value?: unknown }
  if (typeof value !== 'string') throw signingFailed(service, 'gave an answer without a token')
  return value
}

/** https://buildkite.com/docs/agent/v3/cli-oidc */
async function fromBuildkite({ environment, timeoutMs }: TokenRequest, audience: string): Promise<string | null> {
  if (environment.BUILDKITE !== 'true') return null
  const command = ['buildkite-agent', 'oidc', 'request-token', '--audience', audience]
  return tokenOf(command, await outputOf(command, environment, timeoutMs))
}

/** https://circleci.com/docs/openid-connect-tokens: the variable's audience is the organisation, the command's any. */
async function fromCircle({ environment, timeoutMs }: TokenRequest, audience: string): Promise<string | null> {
  if (environment.CIRCLECI !== 'true') return null
  const command = ['circleci', 'run', 'oidc', 'get', '--claims', JSON.stringify({ aud: audience })]
  const output = await outputOf(command, environment, timeoutMs)
  const prepared = textOf(environment.CIRCLE_OIDC_TOKEN_V2)
  return output.missing && prepared !== null ? prepared : tokenOf(command, output)
}

interface Output {
  readonly text: string
  readonly failure: string | null
  /** There is no such program. */
  readonly missing: boolean
}

function tokenOf(command: readonly string[], { text, failure }: Output): string {
  const line = command.slice(0, 4).join(' ')
  // What it printed is not shown: half of it may be the token.
  const reason = failure ?? (text.trim() === '' ? 'printed nothing' : null)
  if (reason === null) return text
  throw new PluginError('SIGNING_FAILED', `cannot sign: "${line}", which this CI system has for tokens, ${reason}`, {
    hint: 'nothing was written; --identity-token @FILE uses a token of your own',
  })
}

function outputOf([file = '', ...args]: readonly string[], environment: Environment, timeoutMs = ANSWER_MS) {
  const options = { env: { ...environment }, timeout: timeoutMs, maxBuffer: TOKEN_MAX_BYTES, encoding: 'utf8' } as const
  return new Promise<Output>((resolve) => {
    execFile(file, args, options, (error, text) => {
      if (error === null) return resolve({ text, failure: null, missing: false })
      const { code, killed } = error
      if (code === ('ENOENT' as never)) return resolve({ text: '', failure: 'is not there', missing: true })
      resolve({
        text: '',
        failure: killed === true ? `took longer than ${timeoutMs} ms` : `ended with ${code}`,
        missing: false,
      })
    })
  })
}
