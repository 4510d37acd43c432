import { isSha256 } from '../core/digest.ts'
import { isPluginName, SEMVER } from '../core/name.ts'
import { KEY_ID } from './ed25519.ts'
import { PATTERN } from './pattern.ts'
import type { Reader } from './reader.ts'
import { parseUtcTime } from './utc-time.ts'

/** A key that a principal holds. The window bounds new installs. */
export interface TrustedKey {
  readonly id: string
  /** 32 bytes, base64. */
  readonly publicKey: string
  readonly validFrom?: string
  readonly validUntil?: string
}

/** One person or team, however many keys they hold: counted once. */
export interface Principal {
  readonly id: string
  readonly kind: 'keyed'
  readonly name?: string
  readonly keys: readonly TrustedKey[]
}

/** No principal at all is a closed door: nobody may sign, and no broader rule speaks for these names. */
export interface Rule {
  readonly pattern: string
  readonly principals: readonly string[]
  readonly threshold: number
}

export interface Revocation {
  readonly target: string
  readonly reason: string
  readonly at: string
}

/** `trust.json` as it is written. */
export interface PolicyDocument {
  readonly version: 1
  readonly principals: readonly Principal[]
  readonly rules: readonly Rule[]
  readonly revocations: readonly Revocation[]
}

/** A key's own id, or a short name that the operator chose. No `/`, `@` or other `:`, so no target reads two ways. */
const PRINCIPAL_ID = /^(?:ed25519:[0-9a-f]{64}|[a-z0-9][a-z0-9._-]{0,63})$/
const LINE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u

/** What a revocation can name. A principal or a key; one release; one tarball. */
export function isTarget(text: string): boolean {
  if (PRINCIPAL_ID.test(text)) return true
  if (text.startsWith('sha256:')) return isSha256(text.slice('sha256:'.length))
  const at = text.indexOf('@')
  return at > 0 && isPluginName(text.slice(0, at)) && SEMVER.test(text.slice(at + 1))
}

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
  const json = reader.object(value, path, ['id', 'kind', 'name', 'keys'])
  if (json === null) return null
  const id = readText(reader, json.id, `${path}.id`, PRINCIPAL_ID, 'a key id, or a short name in lower case')
  reader.literal(json.kind, `${path}.kind`, 'keyed')
  const name = json.name === undefined ? undefined : readLine(reader, json.name, `${path}.name`, 200)
  const keys = readList(reader, json.keys, `${path}.keys`, 64, readKey)
  if (Array.isArray(json.keys) && json.keys.length === 0) reader.fault(`${path}.keys`, 'must hold at least one key')
  if (id === null || name === null) return null
  return { id, kind: 'keyed', ...(name === undefined ? {} : { name }), keys }
}

function readKey(reader: Reader, value: unknown, path: string): TrustedKey | null {
  const json = reader.object(value, path, ['id', 'publicKey', 'validFrom', 'validUntil'])
  if (json === null) return null
  const id = readText(reader, json.id, `${path}.id`, KEY_ID, 'a key id')
  const publicKey = reader.string(json.publicKey, `${path}.publicKey`)
  const validFrom = readTime(reader, json.validFrom, `${path}.validFrom`)
  const validUntil = readTime(reader, json.validUntil, `${path}.validUntil`)
  if (id === null || publicKey === null) return null
  return {
    id,
    publicKey,
    ...(validFrom === undefined ? {} : { validFrom }),
    ...(validUntil === undefined ? {} : { validUntil }),
  }
}

function readRule(reader: Reader, value: unknown, path: string): Rule | null {
  const json = reader.object(value, path, ['pattern', 'principals', 'threshold'])
  if (json === null) return null
  const pattern = readText(reader, json.pattern, `${path}.pattern`, PATTERN, 'NAMESPACE/NAME, NAMESPACE/* or */*')
  const principals = readList(reader, json.principals, `${path}.principals`, 1000, (_, id, where) =>
    readText(reader, id, where, PRINCIPAL_ID, 'the id of a principal'),
  )
  const threshold = reader.count(json.threshold, `${path}.threshold`, 100)
  if (threshold === 0) reader.fault(`${path}.threshold`, 'must be at least 1')
  return pattern === null || threshold === null ? null : { pattern, principals, threshold }
}

function readRevocation(reader: Reader, value: unknown, path: string): Revocation | null {
  const json = reader.object(value, path, ['target', 'reason', 'at'])
  if (json === null) return null
  const target = reader.string(json.target, `${path}.target`)
  if (target !== null && !isTarget(target)) {
    reader.fault(`${path}.target`, 'must be a principal, a key, name@version or sha256:digest')
  }
  const reason = readLine(reader, json.reason, `${path}.reason`, 500)
  const at = readTime(reader, json.at, `${path}.at`)
  if (at === undefined) reader.fault(`${path}.at`, 'is missing (expected a string)')
  return target === null || reason === null || at === undefined ? null : { target, reason, at }
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
  return text.length <= max && LINE.test(text) ? text : reader.fault(path, `must be one line of 1 to ${max} characters`)
}

function readTime(reader: Reader, value: unknown, path: string): string | undefined {
  if (value === undefined) return undefined
  const text = reader.string(value, path)
  if (text === null) return undefined
  if (parseUtcTime(text) === null) reader.fault(path, 'must be a time such as 2026-11-21T08:00:00Z')
  return text
}
