import * as z from 'zod/mini'
import { UNASKED_RUNS } from './agreement.ts'
import { type ConsentPolicy, type ConsentTerms, NO_TERMS } from './consent-terms.ts'
import { PluginError } from './errors.ts'
import { faultsOf } from './faults.ts'
import { parseStrictJson } from './json.ts'
import { limitsSchema } from './limit-request.ts'
import { PATTERN } from './name-pattern.ts'
import { isNetworkTerm } from './network-address.ts'
import { requestOf } from './signed-manifest.ts'

/** The bounds of a manifest's own lists, tenfold: an entry may stand for many plugins. */
const list = <T extends z.core.$ZodType>(item: T, max: number) => z._default(z.array(item).check(z.maxLength(max)), [])

const network = z.string().check(
  z.maxLength(262),
  z.refine(isNetworkTerm, {
    error: 'expected HOST:PORT, *.HOST:PORT or *:PORT, such as api.example.com:443',
  }),
)
const path = z.string().check(z.maxLength(1024), z.regex(/^(?:\/(?!\.{1,2}(?:\/|$))[^/\u0000-\u001f\u007f]+)+$/))
const variable = z.string().check(z.regex(/^[A-Z_][A-Z0-9_]{0,127}$/))

const terms = z.strictObject({
  network: list(network, 1000),
  read: list(path, 320),
  env: list(variable, 640),
  limits: z._default(limitsSchema, {}),
  hooks: list(z.enum(UNASKED_RUNS), UNASKED_RUNS.length),
  publisherChange: z._default(z.boolean(), false),
})

/** `consent` of `config.json`, and the whole of a file that is named with `--consent`. */
export const consentSchema = z
  .record(z.string().check(z.regex(PATTERN)), terms)
  .check(z.refine((entries) => Object.keys(entries).length <= POLICY_MAX, { error: 'has too many entries' }))

const POLICY_MAX = 2000
export const CONSENT_MAX_BYTES = 2 ** 20

export function consentPolicyOf(parsed: z.infer<typeof consentSchema>): ConsentPolicy {
  return Object.fromEntries(
    Object.entries(parsed).map(([pattern, { limits, ...rest }]): [string, ConsentTerms] => [
      pattern,
      { ...NO_TERMS, ...rest, limits: requestOf(limits) },
    ]),
  )
}

/** @throws PluginError `CONFIG_INVALID`, listing every fault with its path. */
export function parseConsentPolicy(bytes: Uint8Array, source: string): ConsentPolicy {
  const json = parseStrictJson(bytes, { maxBytes: CONSENT_MAX_BYTES, maxDepth: 6 })
  if (!json.ok) throw invalid(source, [json.reason])
  const parsed = consentSchema.safeParse(json.value)
  if (parsed.success) return consentPolicyOf(parsed.data)
  throw invalid(
    source,
    faultsOf(parsed.error).map(({ path: at, message }) => (at === '' ? message : `${at}: ${message}`)),
  )
}

const invalid = (source: string, faults: readonly string[]): PluginError =>
  new PluginError('CONFIG_INVALID', `cannot use ${source}: ${faults.join('; ')}`, { details: { faults } })
