import { PluginError } from '../core/errors.ts'
import type { VerifiedStatement } from '../core/verified.ts'
import { openRootFiles, type RootFiles, rootOf } from '../verify/index.ts'
import type { Host } from './host.ts'

/** One row of `plugins trust root list`. */
export interface TrustedRootInfo {
  readonly name: string
  /** sha256 of the file. */
  readonly digest: string
  readonly source: 'package' | 'home'
}

/** A change of roots, and what it means for who is trusted already. */
export interface RootChange {
  readonly name: string
  readonly notes: readonly string[]
}

/**
 * Whether a verdict would rest on the same policy and the same roots now.
 * @throws PluginError `ROOT_NOT_FOUND` for a root that is gone
 */
export async function isSameTrust(
  { layout, caller, trustFile }: Host,
  { policyDigest, evidence }: Pick<VerifiedStatement, 'policyDigest' | 'evidence'>,
): Promise<boolean> {
  if (trustFile.read().digest !== policyDigest) return false
  if (evidence.roots.length === 0) return true
  const files = await openRootFiles(layout.roots, caller.uid)
  return evidence.roots.every(({ name, digest }) => files.find(name).digest === digest)
}

/** Whose certificates and timestamps count on this host: the trusted roots of Sigstore instances. */
export class TrustRoots {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** Takes `file` over as `name`; identities are bound to a root by its name. */
  async add(file: string, name: string): Promise<TrustedRootInfo & RootChange> {
    const files = await this.#files()
    const before = digestOf(files, name)
    const root = await files.add(file, name)
    this.#host.store.note('root-added', name, { digest: root.digest, replaced: before })
    const notes = this.#bound(name)
    if (before !== null && before !== root.digest)
      notes.unshift(`it takes the place of the one that was there, sha256:${before}`)
    // Nobody need be bound to a root for its authorities to tell the time.
    if (root.timestampAuthorities.length > 0)
      notes.push('its timestamp authorities tell, for every signer, what is older than the --since of a revocation')
    return { name, digest: root.digest, source: 'home', notes }
  }

  async list(): Promise<readonly TrustedRootInfo[]> {
    const entries = (await this.#files()).list()
    return entries.map(({ root: { name, digest }, source }) => ({ name, digest, source }))
  }

  /** Of `public-good` the one that comes with the package is left. */
  async remove(name: string): Promise<RootChange> {
    const files = await this.#files()
    await files.remove(name)
    const left = digestOf(files, name)
    this.#host.store.note('root-removed', name, { left })
    const notes = left === null ? [] : [`${name} is the one that comes with Bulkhead again, sha256:${left}`]
    return { name, notes: [...notes, ...(left === null ? [] : this.#bound(name))] }
  }

  /** Whom its authorities may vouch for without another word of the operator. */
  #bound(name: string): string[] {
    const { principals } = this.#host.trustFile.read().document
    const bound = principals.filter(({ identities }) => identities.some((identity) => rootOf(identity) === name))
    if (bound.length === 0) return []
    const ids = bound.map(({ id }) => id)
    const shown = `${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ` and ${ids.length - 5} more` : ''}`
    return [`identities of ${shown} are bound to ${name}: whoever has its authorities can sign as them`]
  }

  #files() {
    const { layout, caller } = this.#host
    return openRootFiles(layout.roots, caller.uid)
  }
}

/** Of the root that is there now; `null` where none is, or one that nothing could be verified with. */
function digestOf(files: RootFiles, name: string): string | null {
  try {
    return files.find(name).digest
  } catch (error) {
    if (error instanceof PluginError && (error.code === 'ROOT_NOT_FOUND' || error.code === 'ROOT_INVALID')) return null
    throw error
  }
}
