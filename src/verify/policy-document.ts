import { KEY_ID } from './ed25519.ts'
import { ROOT_NAME } from './keyless/root-name.ts'
import { PATTERN } from './pattern.ts'
import type { Reader } from './reader.ts'
import { PRINCIPAL_ID, parseTarget, TARGETS } from './revocation-target.ts'
import { parseUtcTime } from './utc-time.ts'

/** From when and until when (exclusive) something new may be installed on the strength of a credential; RFC 3339, UTC. */
export interface Window {
  readonly validFrom?: string
  readonly validUntil?: string
}

/** A key that a principal holds. */
export interface TrustedKey extends Window {
  readonly id: string
  /** 32 bytes, base64. */
  readonly publicKey: string
}

/** Whom a certificate authority may vouch for: compared character by character, never as a pattern. */
export interface TrustedIdentity extends Window {
  /** The issuer of the OIDC token, as the certificate states it. */
  readonly issuer: string
  /** The certificate's only subject alternative name: a URI (of a workflow) or an e-mail address. */
  readonly identity: string
  /** The trusted root whose authorities count; left out: `public-good`. */
  readonly root?: string
  /** The numbers a CI system never gives twice, where names can be given again: certificates must carry the same. */
  readonly repositoryId?: string
  readonly ownerId?: string
}

/** One person or team, however many keys and identities they have: counted once. */
export interface Principal {
  readonly id: string
  readonly name?: string
  readonly keys: readonly TrustedKey[]
  readonly identities: readonly TrustedIdentity[]
}

/** No principal at all is a closed door: nobody may sign, and no broader rule speaks for these names. */
export interface Rule {
  readonly pattern: string
  readonly principals: readonly string[]
  /** How many distinct principals must have signed the release. */
  readonly threshold: number
  /** Statements of other tools that count here beside our own, by their exact predicateType. */
  readonly predicates?: readonly string[]
  /** Principals whose countersignature counts, never toward `threshold`. An empty list is a closed door, too. */
  readonly countersigners?: readonly string[]
  /** How many distinct countersigners there must be. */
  readonly countersignatures?: number
}

export interface Revocation {
  readonly target: string
  readonly reason: string
  readonly at: string
  /** Compromised since then: what carries a trusted timestamp from before is spared. Of keys, identities and principals only. */
  readonly since?: string
}

/** `trust.json` as the code holds it. */
export interface PolicyDocument {
  readonly version: 1
  readonly principals: readonly Principal[]
  readonly rules: readonly Rule[]
  readonly revocations: readonly Revocation[]
}

const KINDS = ['keyed', 'keyless', 'mixed'] as const
export type PrincipalKind = (typeof KINDS)[number]

export function kindOf({ keys, identities }: Pick<Principal, 'keys' | 'identities'>): PrincipalKind {
  if (identities.length === 0) return 'keyed'
  return keys.length === 0 ? 'keyless' : 'mixed'
}

/** As the file spells it: `kind` for the reader's eye, and no empty lists of what a principal does not have. */
export function writtenDocument(document: PolicyDocument): unknown {
  const principals = document.principals.map(({ id, name, keys, identities }) => ({
    id,
    kind: kindOf({ keys, identities }),
    ...(name === undefined ? {} : { name }),
    ...(keys.length === 0 ? {} : { keys }),
    ...(identities.length === 0 ? {} : { identities }),
  }))
  return { ...document, principals }
}

const lineForm = () => /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u
/**
 * OIDC Discovery 1.0 §3: a URL without query or fragment. A text to be compared and never fetched, so http, which issuers
 * inside a cluster have, does no harm. Blanks are what an identity's id is divided by.
 */
const ISSUER = /^https?:\/\/[!$-&(-;=@-~]{1,500}$/
const IDENTITY = /^[!-~]{1,1000}$/
const NUMERIC_ID = /^[0-9]{1,20}$/
/** in-toto Statement v1: a type URI. */
const PREDICATE = /^[a-z][a-z0-9+.-]*:[!-~]{1,300}$/

export const isIssuer = (text: string): boolean => ISSUER.test(text)
export const isIdentity = (text: string): boolean => IDENTITY.test(text)
export const isNumericId = (text: string): boolean => NUMERIC_ID.test(text)
export const isPredicateType = (text: string): boolean => PREDICATE.test(text)

/** `null` and faults, or the document: its form alone, not yet whether its parts fit together. */
export function readDocument(reader: Reader, value: unknown): PolicyDocument | null {
  const json = reader.object(value, '', ['version', 'principals', 'rules', 'revocations'])
  if (json === null) return null
  if (json.version !== 1) reader.fault('version', 'must be 1')
  const principals = readList(reader, json.principals, 'principals', 20_000, readPrincipal)
  const rules = readList(reader, json.rules, 'rules', 20_000, readRule)
  const revocations = readList(reader, json.revocations ?? [], 'revocations', 100_000, readRevocation)
  return reader.faults.length > 0 ? null : { version: 1, principals, rules, revocations }
}

function readPrincipal(reader: Reader, value: unknown, path: string): Principal | null {
  const json = reader.object(value, path, ['id', 'kind', 'name', 'keys', 'identities'])
  if (json === null) return null
  const id = readText(reader, json.id, `${path}.id`, PRINCIPAL_ID, 'a key id, or a short name in lower case')
  const name = json.name === undefined ? undefined : readLine(reader, json.name, `${path}.name`, 200)
  const keys = readList(reader, json.keys ?? [], `${path}.keys`, 64, readKey)
  const identities = readList(reader, json.identities ?? [], `${path}.identities`, 64, readTrustedIdentity)
  if (id === null || name === null || reader.faults.length > 0) return null
  if (keys.length + identities.length === 0) return reader.fault(path, 'must hold at least one key or identity')
  reader.literal(json.kind, `${path}.kind`, kindOf({ keys, identities }))
  return { id, ...(name === undefined ? {} : { name }), keys, identities }
}

function readKey(reader: Reader, value: unknown, path: string): TrustedKey | null {
  const json = reader.object(value, path, ['id', 'publicKey', 'validFrom', 'validUntil'])
  if (json === null) return null
  const id = readText(reader, json.id, `${path}.id`, KEY_ID, 'a key id')
  const publicKey = reader.string(json.publicKey, `${path}.publicKey`)
  const window = readWindow(reader, json, path)
  return id === null || publicKey === null ? null : { id, publicKey, ...window }
}

const IDENTITY_KEYS = ['issuer', 'identity', 'root', 'repositoryId', 'ownerId', 'validFrom', 'validUntil'] as const

function readTrustedIdentity(reader: Reader, value: unknown, path: string): TrustedIdentity | null {
  const json = reader.object(value, path, IDENTITY_KEYS)
  if (json === null) return null
  const text = (key: string, form: RegExp, expected: string) =>
    json[key] === undefined ? undefined : readText(reader, json[key], `${path}.${key}`, form, expected)
  const issuer = readText(reader, json.issuer, `${path}.issuer`, ISSUER, 'a URL without query or fragment')
  const identity = readText(reader, json.identity, `${path}.identity`, IDENTITY, 'one URI or e-mail address')
  const root = text('root', ROOT_NAME, 'the name of a trusted root')
  const repositoryId = text('repositoryId', NUMERIC_ID, 'digits')
  const ownerId = text('ownerId', NUMERIC_ID, 'digits')
  const window = readWindow(reader, json, path)
  if (issuer === null || identity === null || root === null || repositoryId === null || ownerId === null) return null
  return {
    issuer,
    identity,
    ...(root === undefined ? {} : { root }),
    ...(repositoryId === undefined ? {} : { repositoryId }),
    ...(ownerId === undefined ? {} : { ownerId }),
    ...window,
  }
}

function readWindow(reader: Reader, json: Readonly<Record<string, unknown>>, path: string): Window {
  const validFrom = readTime(reader, json.validFrom, `${path}.validFrom`)
  const validUntil = readTime(reader, json.validUntil, `${path}.validUntil`)
  if (validFrom && validUntil && Date.parse(validFrom) >= Date.parse(validUntil)) {
    reader.fault(`${path}.validUntil`, 'must be after validFrom')
  }
  return {
    ...(validFrom === undefined ? {} : { validFrom }),
    ...(validUntil === undefined ? {} : { validUntil }),
  }
}

const RULE_KEYS = ['pattern', 'principals', 'threshold', 'predicates', 'countersigners', 'countersignatures'] as const

function readRule(reader: Reader, value: unknown, path: string): Rule | null {
  const json = reader.object(value, path, RULE_KEYS)
  if (json === null) return null
  const pattern = readText(reader, json.pattern, `${path}.pattern`, PATTERN, 'NAMESPACE/NAME, NAMESPACE/* or */*')
  const principals = readIds(reader, json.principals, `${path}.principals`)
  const threshold = readCount(reader, json.threshold, `${path}.threshold`)
  const predicates = readList(reader, json.predicates ?? [], `${path}.predicates`, 16, (_, type, where) =>
    readText(reader, type, where, PREDICATE, 'a predicateType, which is a URI'),
  )
  const asks = json.countersigners !== undefined
  const countersigners = asks ? readIds(reader, json.countersigners, `${path}.countersigners`) : []
  const countersignatures =
    json.countersignatures === undefined
      ? undefined
      : readCount(reader, json.countersignatures, `${path}.countersignatures`)
  if ((countersignatures !== undefined) !== asks) {
    reader.fault(`${path}.countersignatures`, 'must be there exactly when countersigners is')
  }
  if (pattern === null || threshold === null || countersignatures === null) return null
  return {
    pattern,
    principals,
    threshold,
    ...(predicates.length === 0 ? {} : { predicates }),
    ...(countersignatures === undefined ? {} : { countersigners, countersignatures }),
  }
}

const readIds = (reader: Reader, value: unknown, path: string): readonly string[] =>
  readList(reader, value, path, 1000, (_, id, where) =>
    readText(reader, id, where, PRINCIPAL_ID, 'the id of a principal'),
  )

function readCount(reader: Reader, value: unknown, path: string): number | null {
  const count = reader.count(value, path, 100)
  return count === 0 ? reader.fault(path, 'must be at least 1') : count
}

function readRevocation(reader: Reader, value: unknown, path: string): Revocation | null {
  const json = reader.object(value, path, ['target', 'reason', 'at', 'since'])
  if (json === null) return null
  const target = reader.string(json.target, `${path}.target`)
  const parsed = target === null ? null : parseTarget(target)
  if (target !== null && parsed === null) reader.fault(`${path}.target`, `must be ${TARGETS}`)
  const reason = readLine(reader, json.reason, `${path}.reason`, 500)
  const at = readTime(reader, json.at, `${path}.at`)
  if (at === undefined) reader.fault(`${path}.at`, 'is missing (expected a string)')
  const since = readTime(reader, json.since, `${path}.since`)
  if (since !== undefined && parsed !== null && !('id' in parsed)) {
    reader.fault(`${path}.since`, 'has no meaning here: what was signed does not become good by being old')
  }
  if (target === null || reason === null || at === undefined) return null
  return { target, reason, at, ...(since === undefined ? {} : { since }) }
}

function readList<T>(
  reader: Reader,
  value: unknown,
  path: string,
  max: number,
  readItem: (reader: Reader, item: unknown, path: string) => T | null,
): readonly T[] {
  const items = reader.array(value, path, max) ?? []
  return items.map((item, index) => readItem(reader, item, `${path}[${index}]`)).filter((item) => item !== null)
}

function readText(reader: Reader, value: unknown, path: string, form: RegExp, expected: string): string | null {
  const text = reader.string(value, path)
  return text === null || form.test(text) ? text : reader.fault(path, `must be ${expected}`)
}

function readLine(reader: Reader, value: unknown, path: string, max: number): string | null {
  const text = reader.string(value, path)
  if (text === null) return null
  return text.length <= max && lineForm().test(text)
    ? text
    : reader.fault(path, `must be one line of 1 to ${max} characters`)
}

function readTime(reader: Reader, value: unknown, path: string): string | undefined {
  if (value === undefined) return undefined
  const text = reader.string(value, path)
  if (text === null) return undefined
  if (parseUtcTime(text) === null) reader.fault(path, 'must be a time such as 2026-11-21T08:00:00Z')
  return text
}
