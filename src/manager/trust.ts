import { basename } from 'node:path'
import { grant, listTrust, readPublicKey, revoke, type TrustEntry, withdraw } from '../verify/index.ts'
import { type Host, nameOf } from './host.ts'

export interface TrustAdd {
  /** `acme/hello`, `acme/*` or `*`+`/*`. */
  readonly pattern: string
  /** The principal that holds the key; left out: the key stands for itself. */
  readonly principal?: string | undefined
  readonly threshold?: number | undefined
  /** ISO 8601, both. */
  readonly validFrom?: string | undefined
  readonly validUntil?: string | undefined
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
    const name = comment ?? basename(keyFile, '.pub')
    const { notes } = await this.#host.trustFile.edit((document) => grant(document, { ...asked, publicKey, name }))
    this.#note('trust-added', publicKey.id, { ...asked })
    return { id: publicKey.id, pattern: asked.pattern, notes }
  }

  /** Each principal once; with `name`, only those of the one rule that decides about this plugin. */
  list(name?: string): readonly TrustEntry[] {
    const policy = this.#host.trustFile.read()
    const entries = listTrust(policy.document)
    if (name === undefined) return entries
    const rule = policy.ruleFor(nameOf(name))
    return entries
      .filter(({ id }) => rule?.principals.includes(id) === true)
      .map((entry) => ({ ...entry, patterns: entry.patterns.filter(({ pattern }) => pattern === rule?.pattern) }))
  }

  async remove(id: string, pattern?: string): Promise<TrustChange> {
    const { notes } = await this.#host.trustFile.edit((document) => withdraw(document, id, pattern))
    this.#note('trust-removed', id, { pattern: pattern ?? null })
    return { id, notes }
  }

  /** `affected`: what is installed and will be refused from now on. */
  async revoke(target: string, reason: string): Promise<TrustChange & { readonly affected: readonly string[] }> {
    const { notes } = await this.#host.trustFile.edit((document) => revoke(document, target, reason, this.#host.now()))
    this.#note('trust-revoked', target, { reason })
    const policy = this.#host.trustFile.read()
    const affected = this.#host.store
      .list()
      .filter(({ name, version, digest, signers }) =>
        policy.revocationOf(
          `${name}@${version}`,
          `sha256:${digest}`,
          ...signers,
          ...signers.flatMap((id) => policy.keyOf(id)?.principal.id ?? []),
        ),
      )
      .map(({ name, version }) => `${name} ${version}`)
    return { id: target, notes, affected }
  }

  #note(kind: string, subject: string, details: Readonly<Record<string, unknown>>): void {
    this.#host.store.note(kind, subject, { ...details, policy: this.#host.trustFile.read().digest })
  }
}
