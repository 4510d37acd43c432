import { setTimeout as sleep } from 'node:timers/promises'
import { FetchError, UsageError } from '../../core/errors.ts'
import { parseStrictJson } from '../../core/json.ts'
import { printable } from '../../core/printable.ts'

/** Somebody on the network whom signing asks for something. */
export interface Service {
  /** As a sentence names it: "the certificate authority". */
  readonly name: string
  /** Without a slash at its end. */
  readonly url: string
}

/** How long one answer may take, and how often it is asked for again. */
export const ANSWER_MS = 15_000
export const RETRIES = 2
export const RETRY_AFTER_MS = 300

/**
 * What is sent there is a credential, or becomes a proof: it goes over TLS, or to this machine itself.
 * @throws UsageError `USAGE`
 */
export function serviceOf(name: string, text: string, flag: string): Service {
  const wrong = (found: string) =>
    new UsageError('USAGE', `cannot use ${flag} "${printable(text)}": expected an https:// address, found ${found}`)
  if (!URL.canParse(text)) throw wrong('no address')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') throw wrong('one with a password in it')
  if (url.search !== '' || url.hash !== '') throw wrong('one with more than a path')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw wrong(url.protocol === 'http:' ? 'http://, which is for this machine alone' : `${url.protocol}//`)
  }
  return { name, url: url.href.replace(/\/+$/, '') }
}

const isLoopback = (host: string): boolean => /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(host)

/** One service did not do its part. Nothing of what was sent to it is in the sentence, nor in a cause. */
export function signingFailed(service: Service, reason: string, details: Record<string, unknown> = {}): FetchError {
  return new FetchError('SIGNING_FAILED', `cannot sign: ${service.name} at ${printable(service.url, 200)} ${reason}`, {
    hint: 'nothing was written; try again, or name another service (plugins sign --help)',
    details: { service: service.name, url: service.url, ...details },
  })
}

export interface Question {
  readonly method?: 'GET' | 'POST'
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  readonly maxBytes: number
  readonly timeoutMs: number | undefined
  /** Never to be shown, whatever the service says about it. */
  readonly secret?: string
}

/**
 * The body of a 2xx answer. A redirection is none: it would carry the question to a host that nobody named.
 * @throws FetchError `SIGNING_FAILED`
 */
export async function ask(service: Service, question: Question): Promise<Buffer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await attempted(service, question)
    if (Buffer.isBuffer(answer)) return answer
    if (!answer.mayPass || attempt >= RETRIES) throw signingFailed(service, answer.reason, answer.details)
    await sleep(RETRY_AFTER_MS * 2 ** attempt)
  }
}

interface Setback {
  readonly reason: string
  readonly details?: Record<string, unknown>
  /** Worth another attempt. */
  readonly mayPass: boolean
}

async function attempted(service: Service, question: Question): Promise<Buffer | Setback> {
  const { method = 'POST', path = '', headers = {}, body, maxBytes, timeoutMs = ANSWER_MS } = question
  try {
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (response.ok) return (await bounded(response, maxBytes)) ?? { reason: tooLong(maxBytes), mayPass: false }
    const { status } = response
    const said = await messageIn(response)
    return { reason: refusal(status, said, question.secret), details: { status }, mayPass: isPassing(status) }
  } catch (error) {
    return { reason: reasonOf(error, timeoutMs, question.secret), mayPass: true }
  }
}

const MESSAGE_MAX_BYTES = 16 * 2 ** 10

/** What a service says of its refusal, as Google's APIs do: `message` of a JSON document. */
async function messageIn(response: Response): Promise<string> {
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel()
    return 'a redirection, which is not followed'
  }
  const body = await bounded(response, MESSAGE_MAX_BYTES)
  const json = body === null ? null : parseStrictJson(body, { maxBytes: MESSAGE_MAX_BYTES, maxDepth: 8 })
  const { message } = ((json?.ok === true ? json.value : null) ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : ''
}

const tooLong = (maxBytes: number): string => `answered with more than ${maxBytes} bytes`
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500

async function bounded(response: Response, maxBytes: number): Promise<Buffer | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const CAUSES_MAX = 6
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'cut the connection',
  UND_ERR_SOCKET: 'cut the connection',
  ENOTFOUND: 'was not found: no such host',
  EAI_AGAIN: 'was not found: the name service does not answer',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'did not answer in time',
  CERT_HAS_EXPIRED: 'has a TLS certificate that has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a TLS certificate of its own making',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a TLS certificate of its own making',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a TLS certificate of nobody known here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a TLS certificate for another name',
}

/**
 * What an exception of a library says about a service, in words of ours. Its own message is shown only where it quotes
 * the service's refusal, since others quote what was sent.
 */
export function reasonOf(error: unknown, timeoutMs: number = ANSWER_MS, secret = ''): string {
  let at: unknown = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++, at = at.cause) {
    const { code, type, statusCode, message, name } = at as Error & {
      code?: unknown
      type?: unknown
      statusCode?: unknown
    }
    if (typeof statusCode === 'number') return refusal(statusCode, message, secret)
    if (name === 'TimeoutError' || `${type}`.endsWith('-timeout')) return `did not answer within ${timeoutMs} ms`
    const known = typeof code === 'string' ? NETWORK[code] : undefined
    if (known !== undefined) return known
    if (at instanceof SyntaxError || type === 'invalid-json') return 'gave an answer that is no JSON'
  }
  const { code } = (error ?? {}) as { code?: unknown }
  const word = typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? ` (${code})` : ''
  return `gave an answer that cannot be understood, or none${word}`
}

/** "(400) message" of the service, which may have echoed what it was sent. */
function refusal(status: number, message: string, secret = ''): string {
  const said = withoutSecrets(message.replace(/^\(\d+\) ?/, ''), secret)
  return `answered ${status}${said === '' ? '' : `: ${printable(said, 200)}`}`
}

/** Anything of the token, and anything that looks like one. */
function withoutSecrets(text: string, secret: string): string {
  const parts = [secret, ...secret.split('.')].filter((part) => part.length >= 16)
  const bare = parts.reduce((left, part) => left.replaceAll(part, '…'), text)
  return bare.replace(/[\w-]{10,}\.[\w-]{10,}\.[\w-]*/g, '…').replace(/\beyJ[\w-]{10,}/g, '…')
}
