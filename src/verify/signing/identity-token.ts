import { inspect } from 'node:util'
import { PluginError } from '../../core/errors.ts'
import { parseStrictJson } from '../../core/json.ts'
import { printable } from '../../core/printable.ts'

/** For whom a token has to be made: Fulcio takes no other. */
export const SIGSTORE_AUDIENCE = 'sigstore'
export const TOKEN_MAX_BYTES = 64 * 2 ** 10

/**
 * An OpenID Connect identity token. Whoever has it can sign in its holder's name until it expires, so it shows itself to
 * nobody who prints, logs or serialises it.
 */
export class IdentityToken {
  readonly #text: string
  readonly issuer: string
  readonly #subject: string

  constructor(text: string, issuer: string, subject: string) {
    this.#text = text
    this.issuer = issuer
    this.#subject = subject
  }

  reveal(): string {
    return this.#text
  }

  /** Whom it names: what Fulcio wants signed as proof that the asker holds the key. */
  get subject(): string {
    return this.#subject
  }

  toString(): string {
    return '[identity token]'
  }

  toJSON(): string {
    return this.toString()
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/**
 * A JSON Web Token that Fulcio could accept: the same questions are asked here first, because a token that is for
 * somebody else is a credential that must not be sent to a stranger. Its signature is the authority's to check.
 *
 * @throws PluginError `IDENTITY_TOKEN_INVALID`, saying nothing of what is in it.
 */
export function parseIdentityToken(text: string, source: string, audience: string, now: Date): IdentityToken {
  const parts = text.split('.')
  const [, body = ''] = parts
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) {
    throw invalid(source, 'expected a JSON Web Token of three parts', 'is the file the right one?')
  }
  const json = parseStrictJson(Buffer.from(body, 'base64url'), { maxBytes: TOKEN_MAX_BYTES, maxDepth: 16 })
  if (!json.ok || typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) {
    throw invalid(source, 'expected claims in JSON in its second part', 'is the file the right one?')
  }
  const claims = json.value as Readonly<Record<string, unknown>>
  if (typeof claims.iss !== 'string') throw invalid(source, 'it names no issuer')
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
  if (!audiences.includes(audience)) {
    const found = audiences.map((name) => (typeof name === 'string' ? `"${printable(name)}"` : 'none')).join(', ')
    throw invalid(
      source,
      `expected a token for "${printable(audience)}", found one for ${found}`,
      `ask your identity provider for a token whose audience is ${printable(audience)}; --audience names another`,
    )
  }
  if (typeof claims.exp !== 'number') throw invalid(source, 'it does not say when it expires')
  if (claims.exp * 1000 <= now.getTime()) {
    const ended = new Date(Math.min(claims.exp * 1000, 8.64e15)).toISOString()
    throw invalid(source, `it expired at ${ended}, and it is ${now.toISOString()}`, 'ask for a new one')
  }
  if (typeof claims.email === 'string') {
    if (claims.email_verified !== true) throw invalid(source, 'its issuer did not verify the e-mail address')
  }
  const subject = claims.email || claims.sub
  if (typeof subject !== 'string' || subject === '') throw invalid(source, 'it names nobody')
  return new IdentityToken(text, claims.iss, subject)
}

function invalid(source: string, reason: string, hint?: string): PluginError {
  return new PluginError('IDENTITY_TOKEN_INVALID', `cannot use the identity token of ${source}: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
  })
}
