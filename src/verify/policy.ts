import { type Sha256, sha256 } from '../core/digest.ts'
import { VerificationError } from '../core/errors.ts'
import type { SchemaFault } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { PublicKey } from './ed25519.ts'
import { PUBLIC_GOOD } from './keyless/root-name.ts'
import { patternsFor } from './pattern.ts'
import {
  type PolicyDocument,
  type Principal,
  type Revocation,
  type Rule,
  readDocument,
  type TrustedIdentity,
  type Window,
  writtenDocument,
} from './policy-document.ts'
import { policyFaults } from './policy-faults.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from './reader.ts'
import { identityId, parseTarget } from './revocation-target.ts'

/** 10,000 principals with a key each make about 4 MB. */
export const POLICY_MAX_BYTES = 16 * 2 ** 20

interface Known {
  /** What a revocation of this one credential names. */
  readonly id: string
  readonly principal: Principal
  readonly window: Window
}

/** A key that some principal holds, ready to check signatures with. */
export interface KnownKey extends Known {
  readonly kind: 'keyed'
  readonly publicKey: PublicKey
}

/** An identity that some principal has, and the root whose certificates may vouch for it. */
export interface KnownIdentity extends Known {
  readonly kind: 'keyless'
  readonly identity: TrustedIdentity
  readonly root: string
}

export type KnownSigner = KnownKey | KnownIdentity

/** The name of the trusted root whose authorities may vouch for an identity. */
export const rootOf = ({ root = PUBLIC_GOOD }: TrustedIdentity): string => root

/** Who may sign what on this host. Only `parsePolicy` makes one. */
export class TrustPolicy {
  readonly document: PolicyDocument
  /** The file itself, kept as evidence with what was decided by it. */
  readonly bytes: Buffer
  /** sha256 of the file, kept with every verdict made under it. */
  readonly digest: Sha256
  readonly #signers = new Map<string, KnownSigner>()
  readonly #rules = new Map<string, Rule>()
  readonly #revocations = new Map<string, Revocation[]>()
  readonly #ranges = new Map<string, { readonly range: string; readonly revocation: Revocation }[]>()

  constructor(document: PolicyDocument, bytes: Uint8Array) {
    this.document = document
    this.bytes = Buffer.from(bytes)
    this.digest = sha256(bytes)
    for (const principal of document.principals) {
      for (const key of principal.keys) {
        const publicKey = { id: key.id as PublicKey['id'], raw: Buffer.from(key.publicKey, 'base64') }
        this.#signers.set(key.id, { kind: 'keyed', id: key.id, principal, window: key, publicKey })
      }
      for (const identity of principal.identities) {
        const id = identityId(identity.issuer, identity.identity)
        const root = rootOf(identity)
        this.#signers.set(id, { kind: 'keyless', id, principal, window: identity, identity, root })
      }
    }
    for (const rule of document.rules) this.#rules.set(rule.pattern, rule)
    for (const revocation of document.revocations) this.#addRevocation(revocation)
  }

  /** The key with this id, whoever holds it and whatever it may sign. */
  keyOf(id: string): KnownKey | null {
    const known = this.#signers.get(id)
    return known?.kind === 'keyed' ? known : null
  }

  /** The identity that a certificate names, by both texts exactly. */
  identityOf(issuer: string, identity: string): KnownIdentity | null {
    const known = this.#signers.get(identityId(issuer, identity))
    // Two texts with a blank in them could join to the same id.
    if (known?.kind !== 'keyless' || known.identity.issuer !== issuer || known.identity.identity !== identity)
      return null
    return known
  }

  /** The same for either, by the id that `signers` of an installation are kept as. */
  signerOf(id: string): KnownSigner | null {
    return this.#signers.get(id) ?? null
  }

  /** The one rule that decides for a name: exact beats `ns/*` beats everything. Rules are never added up. */
  ruleFor(name: PluginName): Rule | null {
    for (const pattern of patternsFor(name)) {
      const rule = this.#rules.get(pattern)
      if (rule) return rule
    }
    return null
  }

  /**
   * A revocation counts from when it stands in the file; its time is a record, and no way to postpone it. One with
   * `since` spares what a trusted third party saw before then, which no time of the signer's own can prove.
   */
  revocationOf(targets: readonly string[], seenAtMs: number | null = null): Revocation | null {
    for (const target of targets) {
      const held = this.#revocations.get(target)?.find((revocation) => holds(revocation, seenAtMs))
      if (held !== undefined) return held
    }
    return null
  }

  /** Whether any revocation asks when these have signed. */
  asksWhen(targets: readonly string[]): boolean {
    return targets.some((target) => this.#revocations.get(target)?.some(({ since }) => since !== undefined) === true)
  }

  /** Of one release, by version, by a range that holds it, or by its bytes. */
  async releaseRevocationOf(release: {
    name: PluginName
    version: string
    sha256: string
  }): Promise<Revocation | null> {
    const { name, version, sha256 } = release
    const exact = this.revocationOf([`${name}@${version}`, `sha256:${sha256}`])
    const ranges = this.#ranges.get(name)
    if (exact !== null || ranges === undefined) return exact
    // Loaded where a range concerns this very plugin: a run compares no versions otherwise.
    const { default: satisfies } = await import('semver/functions/satisfies.js')
    const { default: validRange } = await import('semver/ranges/valid.js')
    // Releases before a release belong to it here: `<2.0.0` is meant to hold 2.0.0-rc.1 too. What is no range holds all.
    const held = ranges.find(
      ({ range }) => validRange(range) === null || satisfies(version, range, { includePrerelease: true }),
    )
    return held?.revocation ?? null
  }

  #addRevocation(revocation: Revocation): void {
    const target = revocation.target.includes('@') ? parseTarget(revocation.target) : null
    if (target?.kind === 'range') append(this.#ranges, target.name, { range: target.range, revocation })
    else append(this.#revocations, revocation.target, revocation)
  }
}

/** Whether a revocation holds for what was seen at that moment; `null`: nobody who is trusted says when. */
export const holds = ({ since }: Revocation, seenAtMs: number | null): boolean =>
  since === undefined || seenAtMs === null || seenAtMs >= Date.parse(since)

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

/** @throws VerificationError `POLICY_INVALID`, listing every fault with its path. */
export function parsePolicy(bytes: Uint8Array, source: string): TrustPolicy {
  const json = parseStrictJson(bytes, { maxBytes: POLICY_MAX_BYTES, maxDepth: 8 })
  if (!json.ok) throw invalid(source, [{ path: '', message: json.reason }])
  const reader = new Reader()
  const document = readDocument(reader, json.value)
  if (document === null) throw invalid(source, reader.faults)
  const faults = policyFaults(document)
  if (faults.length > 0) throw invalid(source, faults)
  return new TrustPolicy(document, bytes)
}

export const EMPTY_DOCUMENT: PolicyDocument = { version: 1, principals: [], rules: [], revocations: [] }

export function formatPolicy(document: PolicyDocument): Buffer {
  return Buffer.from(`${JSON.stringify(writtenDocument(document), null, 2)}\n`)
}

/** A document that was read before, as a policy: with what was changed in it. @throws VerificationError `POLICY_INVALID` */
export const policyOf = (document: PolicyDocument): TrustPolicy => parsePolicy(formatPolicy(document), 'trust.json')

function invalid(source: string, found: readonly SchemaFault[]): VerificationError {
  const faults = found.map(({ path, message }) => ({ path: printable(path, 200), message: printable(message, 300) }))
  return new VerificationError('POLICY_INVALID', `cannot use ${printable(source)}: ${sentenceOf(faults)}`, {
    hint: 'correct the file, or put back a copy of it; keys/README.md describes its form',
    details: { faults: faults.slice(0, FAULTS_KEPT) },
  })
}
