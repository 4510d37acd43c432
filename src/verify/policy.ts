import { type Sha256, sha256 } from '../core/digest.ts'
import { VerificationError } from '../core/errors.ts'
import type { SchemaFault } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import { KEY_ID, keyFault, keyIdOf, type PublicKey } from './ed25519.ts'
import { patternsFor } from './pattern.ts'
import {
  type PolicyDocument,
  type Principal,
  type Revocation,
  type Rule,
  readDocument,
  type TrustedKey,
} from './policy-document.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from './reader.ts'

/** 10,000 principals with a key each make about 4 MB. */
export const POLICY_MAX_BYTES = 16 * 2 ** 20

/** A key that some principal holds, ready to check signatures with. */
export interface KnownKey {
  readonly principal: Principal
  readonly key: TrustedKey
  readonly publicKey: PublicKey
}

/** Who may sign what on this host. Only `parsePolicy` makes one. */
export class TrustPolicy {
  readonly document: PolicyDocument
  /** sha256 of the file, kept with every verdict made under it. */
  readonly digest: Sha256
  readonly #keys = new Map<string, KnownKey>()
  readonly #rules = new Map<string, Rule>()
  readonly #revocations = new Map<string, Revocation>()

  constructor(document: PolicyDocument, digest: Sha256) {
    this.document = document
    this.digest = digest
    for (const principal of document.principals) {
      for (const key of principal.keys) {
        const publicKey = { id: key.id as PublicKey['id'], raw: Buffer.from(key.publicKey, 'base64') }
        this.#keys.set(key.id, { principal, key, publicKey })
      }
    }
    for (const rule of document.rules) this.#rules.set(rule.pattern, rule)
    for (const revocation of document.revocations) this.#revocations.set(revocation.target, revocation)
  }

  /** The key with this id, whoever holds it and whatever it may sign. */
  keyOf(id: string): KnownKey | null {
    return this.#keys.get(id) ?? null
  }

  /** The one rule that decides for a name: exact beats `ns/*` beats everything. Rules are never added up. */
  ruleFor(name: PluginName): Rule | null {
    for (const pattern of patternsFor(name)) {
      const rule = this.#rules.get(pattern)
      if (rule) return rule
    }
    return null
  }

  /** A revocation counts from when it stands in the file; its time is a record, and no way to postpone it. */
  revocationOf(...targets: readonly string[]): Revocation | null {
    for (const target of targets) {
      const revocation = this.#revocations.get(target)
      if (revocation) return revocation
    }
    return null
  }
}

/** @throws VerificationError `POLICY_INVALID`, listing every fault with its path. */
export function parsePolicy(bytes: Uint8Array, source: string): TrustPolicy {
  const json = parseStrictJson(bytes, { maxBytes: POLICY_MAX_BYTES, maxDepth: 8 })
  if (!json.ok) throw invalid(source, [{ path: '', message: json.reason }])
  const reader = new Reader()
  const document = readDocument(reader, json.value)
  if (document === null) throw invalid(source, reader.faults)
  const faults = [...keyFaults(document), ...referenceFaults(document)]
  if (faults.length > 0) throw invalid(source, faults)
  return new TrustPolicy(document, sha256(bytes))
}

export const EMPTY_DOCUMENT: PolicyDocument = { version: 1, principals: [], rules: [], revocations: [] }

export function formatPolicy(document: PolicyDocument): Buffer {
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
}

function keyFaults({ principals }: PolicyDocument): SchemaFault[] {
  const faults: SchemaFault[] = []
  const holders = new Map<string, string>()
  for (const [p, principal] of principals.entries()) {
    for (const [k, key] of principal.keys.entries()) {
      const path = `principals[${p}].keys[${k}]`
      const raw = Buffer.from(key.publicKey, 'base64')
      const fault = raw.toString('base64') === key.publicKey ? keyFault(raw) : 'is not canonical base64 with padding'
      if (fault !== null) faults.push({ path: `${path}.publicKey`, message: fault })
      else if (keyIdOf(raw) !== key.id) faults.push({ path: `${path}.id`, message: `must be ${keyIdOf(raw)}` })
      // One key under two principals would be two signers of one signature.
      const holder = holders.get(key.id)
      if (holder !== undefined) faults.push({ path: `${path}.id`, message: `is a key of ${holder} already` })
      holders.set(key.id, principal.id)
      const { validFrom, validUntil } = key
      if (validFrom && validUntil && Date.parse(validFrom) >= Date.parse(validUntil)) {
        faults.push({ path: `${path}.validUntil`, message: 'must be after validFrom' })
      }
    }
  }
  // An id that is a key's id must be that key's, or `revoke` of it would hit somebody else.
  for (const [p, { id, keys }] of principals.entries()) {
    if (KEY_ID.test(id) && !keys.some((key) => key.id === id)) {
      faults.push({ path: `principals[${p}].id`, message: 'is the id of a key that this principal does not hold' })
    }
  }
  return faults
}

function referenceFaults({ principals, rules }: PolicyDocument): SchemaFault[] {
  const faults: SchemaFault[] = []
  const known = new Set<string>()
  for (const [p, { id }] of principals.entries()) {
    if (known.has(id)) faults.push({ path: `principals[${p}].id`, message: `is there twice: ${id}` })
    known.add(id)
  }
  const patterns = new Set<string>()
  for (const [r, rule] of rules.entries()) {
    if (patterns.has(rule.pattern)) {
      faults.push({ path: `rules[${r}].pattern`, message: `is there twice: ${rule.pattern}` })
    }
    patterns.add(rule.pattern)
    const listed = new Set<string>()
    for (const [p, id] of rule.principals.entries()) {
      const path = `rules[${r}].principals[${p}]`
      if (!known.has(id)) faults.push({ path, message: `names no principal: ${id}` })
      if (listed.has(id)) faults.push({ path, message: `is there twice: ${id}` })
      listed.add(id)
    }
  }
  return faults
}

function invalid(source: string, found: readonly SchemaFault[]): VerificationError {
  const faults = found.map(({ path, message }) => ({ path: printable(path, 200), message: printable(message, 300) }))
  return new VerificationError('POLICY_INVALID', `cannot use ${printable(source)}: ${sentenceOf(faults)}`, {
    hint: 'correct the file, or put back a copy of it; keys/README.md describes its form',
    details: { faults: faults.slice(0, FAULTS_KEPT) },
  })
}
