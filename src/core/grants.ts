import * as z from 'zod/mini'
import { type ConsentTerms, isProtocol, isRuntime, isUnaskedRun, NO_TERMS } from './consent-terms.ts'
import { UsageError } from './errors.ts'
import { limitsSchema } from './limit-request.ts'
import { formatLimitWord } from './limit-text.ts'
import type { LimitRequest } from './limits.ts'
import { isNetworkTerm } from './network-address.ts'
import { printable } from './printable.ts'
import { requestOf } from './signed-manifest.ts'
import type { Widening } from './widening.ts'

const GRANTS_MAX = 1000

/**
 * What `--grant` says: `network=api.example.com:443`, `read=/usr/share/zoneinfo`, `env=TOKEN`, `limit=memory:512M`,
 * `hook=postinstall`, `runtime=node`, `protocol=mcp`, `signers`.
 *
 * @throws UsageError `USAGE`
 */
export function parseGrants(texts: readonly string[]): ConsentTerms {
  if (texts.length > GRANTS_MAX) {
    throw new UsageError('USAGE', `cannot take ${texts.length} grants: expected at most ${GRANTS_MAX}`, {
      hint: '--consent FILE takes a policy',
    })
  }
  return texts.map(parseGrant).reduce(both, NO_TERMS)
}

function parseGrant(text: string): Partial<ConsentTerms> {
  const equals = text.indexOf('=')
  const [key, value] = equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
  const found = equals < 0 ? null : termOf(key, value)
  if (text === 'signers') return { publisherChange: true }
  if (found !== null) return found
  const form = Object.hasOwn(FORMS, key) ? FORMS[key] : ANY
  throw new UsageError('USAGE', `cannot understand --grant "${printable(text, 200)}": expected ${form}`)
}

const FORMS: Readonly<Record<string, string>> = {
  network: 'network=HOST:PORT, such as network=api.example.com:443',
  read: 'read=PATH, an absolute path',
  env: 'env=NAME, such as env=API_TOKEN',
  limit: 'limit=NAME:VALUE, such as limit=memory:512M',
  hook: 'hook=health, hook=postinstall, hook=preremove or hook=migrate-data',
  runtime: 'runtime=exec, runtime=node or runtime=python',
  protocol: 'protocol=stdio, protocol=jsonrpc, protocol=mcp or protocol=grpc',
  signers: 'signers, without a value',
}
const ANY = 'network=…, read=…, env=…, limit=…, hook=…, runtime=…, protocol=… or signers'

function termOf(key: string, value: string): Partial<ConsentTerms> | null {
  switch (key) {
    case 'network':
      return isNetworkTerm(value) ? { network: [value] } : null
    case 'read':
      return /^\/[^\u0000]{1,1023}$/.test(value) ? { read: [value] } : null
    case 'env':
      return /^[A-Z_][A-Z0-9_]{0,127}$/.test(value) ? { env: [value] } : null
    case 'limit':
      return limitOf(value)
    case 'hook':
      return isUnaskedRun(value) ? { hooks: [value] } : null
    case 'runtime':
      return isRuntime(value) ? { runtimes: [value] } : null
    case 'protocol':
      return isProtocol(value) ? { protocols: [value] } : null
    default:
      return null
  }
}

/** `memory:512M`, with the names and the spelling of a manifest's limits. */
function limitOf(text: string): Partial<ConsentTerms> | null {
  const colon = text.indexOf(':')
  const [name, value] = [text.slice(0, colon), text.slice(colon + 1)]
  // Numbers as JSON has them, and nothing else that `Number` takes for one.
  const isNumber = /^\d{1,7}(?:\.\d{1,4})?$/.test(value)
  const parsed = z.safeParse(limitsSchema, { [name]: isNumber ? Number(value) : value })
  return colon > 0 && parsed.success ? { limits: requestOf(parsed.data) } : null
}

function both(one: ConsentTerms, other: Partial<ConsentTerms>): ConsentTerms {
  const said = Object.entries(other.limits ?? {}).filter(([, value]) => value !== undefined)
  return {
    network: [...one.network, ...(other.network ?? [])],
    read: [...one.read, ...(other.read ?? [])],
    env: [...one.env, ...(other.env ?? [])],
    limits: { ...one.limits, ...(Object.fromEntries(said) as LimitRequest) },
    hooks: [...one.hooks, ...(other.hooks ?? [])],
    runtimes: [...one.runtimes, ...(other.runtimes ?? [])],
    protocols: [...one.protocols, ...(other.protocols ?? [])],
    publisherChange: one.publisherChange || other.publisherChange === true,
  }
}

/**
 * The `--grant` flags that agree to a widening, each as one word of a shell, since they are shown to be copied; `null`: no
 * flags can, because nobody signed it, a limit has no end, or a path is one that no shell should be given.
 */
export function grantsFor(widening: Widening): readonly string[] | null {
  const { permissions, limits, publisher, provenance, hooks, protocol, runtime } = widening
  const words = [
    ...permissions.network.map((to) => `network=${to}`),
    ...permissions.read.map((path) => `read=${path}`),
    ...permissions.env.map((name) => `env=${name}`),
    ...limits.map(({ limit, after }) => {
      const word = formatLimitWord(limit, after)
      return word === null ? null : `limit=${word}`
    }),
    ...hooks.map((hook) => `hook=${hook}`),
    ...(runtime === null ? [] : [`runtime=${runtime.after}`]),
    ...(protocol === null ? [] : [`protocol=${protocol.after}`]),
    ...(publisher === null && provenance.length === 0 ? [] : ['signers']),
  ]
  if (provenance.some(({ kind }) => kind === 'signature')) return null
  const quoted = [...new Set(words)].map((word) => (word === null ? null : shellWord(word)))
  return quoted.every((word) => word !== null) ? quoted : null
}

/** A name or a path of a stranger's is obeyed by no shell: bare where nothing in it means anything, quoted where that is safe. */
function shellWord(text: string): string | null {
  if (/^[\w.:/=@%+,-]{1,300}$/.test(text)) return text
  return /^[ -&(-~]{1,300}$/.test(text) ? `'${text}'` : null
}
