import { isSha256 } from '../core/digest.ts'
import { isPluginName, type PluginName, SEMVER } from '../core/name.ts'
import { KEY_ID } from './ed25519.ts'

/** What a revocation can name, read in exactly one way. */
export type RevocationTarget =
  | { readonly kind: 'principal' | 'key' | 'identity'; readonly id: string }
  | { readonly kind: 'release'; readonly name: PluginName; readonly version: string }
  | { readonly kind: 'range'; readonly name: PluginName; readonly range: string }
  | { readonly kind: 'digest'; readonly sha256: string }

/** In words, for messages. */
export const TARGETS =
  'a principal, a key id, "ISSUER IDENTITY", NAME@VERSION, "NAME@RANGE" such as "acme/hello@<1.2.0", or sha256:DIGEST'

/** A short name that the operator chose, or a key's own id. No `/`, `@`, blank or other `:`, so no target reads two ways. */
export const PRINCIPAL_ID = /^(?:ed25519:[0-9a-f]{64}|[a-z0-9][a-z0-9._-]{0,63})$/

/**
 * The ids by which a principal can be revoked as a whole. One that stands for a key has that key's id for its own: to revoke
 * the key must not take along the key that has taken its place.
 */
export const wholeIds = (principal: { readonly id: string }): readonly string[] =>
  KEY_ID.test(principal.id) ? [] : [principal.id]

/** The id of a keyless signer. Neither part may hold a blank, so the one between them divides it in one way. */
export const identityId = (issuer: string, identity: string): string => `${issuer} ${identity}`

const IDENTITY_ID = /^https?:\/\/[!-~]{1,500} [!-~]{1,1000}$/
/** The characters of npm's ranges; whether they make one is asked of semver where a range is entered or matters. */
const RANGE = /^[0-9A-Za-z.<>=~^|*+ -]{1,200}$/

export function parseTarget(text: string): RevocationTarget | null {
  if (KEY_ID.test(text)) return { kind: 'key', id: text }
  if (PRINCIPAL_ID.test(text)) return { kind: 'principal', id: text }
  if (IDENTITY_ID.test(text)) return { kind: 'identity', id: text }
  if (text.startsWith('sha256:')) {
    const sha256 = text.slice('sha256:'.length)
    return isSha256(sha256) ? { kind: 'digest', sha256 } : null
  }
  const at = text.indexOf('@')
  const name = text.slice(0, at)
  const rest = text.slice(at + 1)
  if (at <= 0 || !isPluginName(name)) return null
  if (SEMVER.test(rest)) return { kind: 'release', name, version: rest }
  return RANGE.test(rest) ? { kind: 'range', name, range: rest } : null
}
