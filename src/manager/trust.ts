import { basename } from 'node:path'
import { UsageError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import {
  type Credential,
  grant,
  listTrust,
  parseTarget,
  parseUtcTime,
  type RevocationRequest,
  readPublicKey,
  revoke,
  type TrustEntry,
  withdraw,
} from '../verify/index.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'
import type { RevocationEffect } from './revocation.ts'
import type { RotationConsent, RotationQuestion } from './rotation.ts'
import type { Simulation, TrustTrial } from './simulation.ts'

export interface TrustAdd {
  /** `acme/hello`, `acme/*` or `*`+`/*`. */
  readonly pattern: string
  /** The principal that holds the key or identity; left out: it stands for itself. */
  readonly principal?: string | undefined
  /** How many distinct principals must sign; with `countersigner`: must countersign. */
  readonly threshold?: number | undefined
  /** Statement types of other tools that shall count under this pattern too, such as `https://slsa.dev/provenance/v1`. */
  readonly predicates?: readonly string[] | undefined
  /** Its countersignature shall be needed, and never counts as the publisher's signature. */
  readonly countersigner?: boolean | undefined
  /** RFC 3339 in UTC, both: when new installs may rest on it. */
  readonly validFrom?: string | undefined
  readonly validUntil?: string | undefined
}

/** Whom certificates vouch for: compared exactly, by both texts and by every number given. */
export interface KeylessIdentity {
  readonly issuer: string
  readonly identity: string
  /** The trusted root whose authorities count; default: `public-good`. */
  readonly root?: string | undefined
  readonly repositoryId?: string | undefined
  readonly ownerId?: string | undefined
}

/** A change of policy, and what it means beyond what was asked. */
export interface TrustChange {
  readonly id: string
  readonly notes: readonly string[]
}

/** Who may sign what on this host. Every change is in the audit trail, with the policy's new digest. */
export class Trust {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  async add(keyFile: string, asked: TrustAdd): Promise<TrustChange & { readonly pattern: string }> {
    const { publicKey, comment } = readPublicKey(keyFile)
    return this.#add(publicKey.id, { publicKey }, comment ?? basename(keyFile, '.pub'), asked)
  }

  /** The same for somebody who signs without keys. @throws UsageError for what is not exact */
  async addIdentity(identity: KeylessIdentity, asked: TrustAdd): Promise<TrustChange & { readonly pattern: string }> {
    const { issuer, identity: san } = identity
    return this.#add(`${issuer} ${san}`, { identity: defined(identity) }, san.slice(0, 200), asked)
  }

  async #add(id: string, credential: Credential, name: string, asked: TrustAdd) {
    const { threshold, principal, predicates, countersigner, pattern } = asked
    const validFrom = instant(asked.validFrom, 'validFrom')
    const validUntil = instant(asked.validUntil, 'validUntil')
    const window = defined({ validFrom, validUntil })
    const { notes } = await this.#host.trustFile.edit((document) =>
      grant(document, { credential, pattern, threshold, principal, predicates, countersigner, name, ...window }),
    )
    this.#note('trust-added', id, { ...asked })
    return { id, pattern, notes }
  }

  /** Each principal once; with `name`, only those of the one rule that decides about this plugin. */
  list(name?: string): readonly TrustEntry[] {
    const policy = this.#host.trustFile.read()
    const entries = listTrust(policy.document)
    if (name === undefined) return entries
    const rule = policy.ruleFor(nameOf(name))
    return entries
      .map((entry) => ({ ...entry, patterns: entry.patterns.filter(({ pattern }) => pattern === rule?.pattern) }))
      .filter(({ patterns }) => patterns.length > 0)
  }

  async remove(id: string, pattern?: string): Promise<TrustChange> {
    const { notes } = await this.#host.trustFile.edit((document) => withdraw(document, id, pattern))
    this.#note('trust-removed', id, { pattern: pattern ?? null })
    return { id, notes }
  }

  /** What is installed or runs is examined again, and put away where the revocation hits it; with `stop`, ended too. */
  async revoke(asked: RevocationRequest & { readonly stop?: boolean }): Promise<TrustChange & RevocationEffect> {
    const { reason } = asked
    const request = await checkedRevocation(asked)
    const { target, since } = request
    const { notes } = await this.#host.trustFile.edit((document) => revoke(document, request, this.#host.now()))
    this.#note('trust-revoked', target, { reason, ...defined({ since }) })
    const { enforce } = await import('./revocation.ts')
    return { id: target, notes, ...(await enforce(this.#host, target, asked.stop === true)) }
  }

  /** A new key beside an old one, by the word of the old one. @throws VerificationError with the reason why not */
  async rotate(file: string, options: RotationConsent): Promise<RotationQuestion> {
    const { applyRotation } = await import('./rotation.ts')
    return applyRotation(this.#host, file, options)
  }

  /** What a change would come to for everything that is installed; nothing is written. */
  async simulate(trial: TrustTrial): Promise<Simulation> {
    const { simulate } = await import('./simulation.ts')
    return simulate(this.#host, 'revoke' in trial ? { revoke: await checkedRevocation(trial.revoke) } : trial)
  }

  #note(kind: string, subject: string, details: Readonly<Record<string, unknown>>): void {
    this.#host.store.note(kind, subject, { ...details, policy: this.#host.trustFile.read().digest })
  }
}

async function checkedRevocation({ target, reason, since }: RevocationRequest): Promise<RevocationRequest> {
  await assertRange(target)
  return { target, reason, ...defined({ since: instant(since, 'since') }) }
}

/** A range that semver does not understand would hold every version; that is to be asked for as such. */
async function assertRange(target: string): Promise<void> {
  const parsed = parseTarget(target)
  if (parsed?.kind !== 'range') return
  const { default: validRange } = await import('semver/ranges/valid.js')
  if (validRange(parsed.range) !== null) return
  throw new UsageError(
    'USAGE',
    `cannot revoke "${printable(target)}": "${printable(parsed.range)}" is no range of versions`,
    {
      hint: 'such as "acme/hello@<1.2.0", or "acme/hello@*" for all of them',
    },
  )
}

function instant(text: string | undefined, what: string): string | undefined {
  if (text === undefined || parseUtcTime(text) !== null) return text
  throw new UsageError('USAGE', `cannot use ${what} "${printable(text)}": expected a time such as 2030-01-31T00:00:00Z`)
}

/** Without what was left out: in a document, a key that is there has a value. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } & Pick<T, RequiredOf<T>> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never
}

type RequiredOf<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T]
