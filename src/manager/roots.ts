import { openRootFiles, type RootEntry } from '../verify/index.ts'
import type { Host } from './host.ts'

/** One row of `plugins trust root list`. */
export interface TrustedRootInfo {
  readonly name: string
  /** sha256 of the file. */
  readonly digest: string
  readonly source: RootEntry['source']
}

/** Whose certificates and timestamps count on this host: the trusted roots of Sigstore instances. */
export class TrustRoots {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** Takes `file` over as `name`; identities are bound to a root by its name. */
  async add(file: string, name: string): Promise<TrustedRootInfo> {
    const root = await (await this.#files()).add(file, name)
    this.#host.store.note('root-added', name, { digest: root.digest })
    return { name, digest: root.digest, source: 'home' }
  }

  async list(): Promise<readonly TrustedRootInfo[]> {
    const entries = (await this.#files()).list()
    return entries.map(({ root: { name, digest }, source }) => ({ name, digest, source }))
  }

  /** Of `public-good` the one that comes with the package is left. */
  async remove(name: string): Promise<void> {
    await (await this.#files()).remove(name)
    this.#host.store.note('root-removed', name, {})
  }

  #files() {
    const { layout, caller } = this.#host
    return openRootFiles(layout.roots, caller.uid)
  }
}
