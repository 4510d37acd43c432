import { basename } from 'node:path'
import type { PluginName } from './core/name.ts'
import type { BuildOptions, NamedRelease, RegistryReport } from './marketplace/registry.ts'
import type { RotateOptions, RotationReport } from './marketplace/rotate.ts'
import type { SignOptions, SignReport } from './marketplace/sign.ts'
import { type InitOptions, initPlugin, packFolder, writeTarball } from './registry/index.ts'
import { generateKey, writeKeyFiles } from './verify/index.ts'

/** What a packed folder came to. */
export interface PackReport {
  readonly name: PluginName
  readonly version: string
  readonly files: number
  readonly bytes: number
  readonly sha256: string
  readonly leftOut: readonly string[]
}

/** What an author does: keys, packages, signatures. It touches no host's home. */
export class Marketplace {
  readonly #now: () => Date

  constructor(now: () => Date = () => new Date()) {
    this.#now = now
  }

  /** @throws PluginError `FILE_EXISTS`; a secret key is never overwritten. */
  async generateKey(prefix: string, passphrase: string | null) {
    const key = await generateKey()
    const files = await writeKeyFiles(prefix, key, { passphrase, comment: basename(prefix) })
    return { id: key.publicKey.id, ...files }
  }

  /** Everything that `pack` checks, and nothing written. @throws ManifestError listing every fault with its path */
  async validate(dir: string): Promise<PackReport> {
    return reportOf(await packFolder(dir))
  }

  /** The same folder gives the same bytes on every machine. */
  async pack(dir: string, out: string): Promise<PackReport & { readonly path: string }> {
    const packed = await packFolder(dir)
    return { ...reportOf(packed), path: await writeTarball(out, packed) }
  }

  /** Signs a tarball, or adds a signature to it, and writes the bundle file beside it. */
  async sign(tarball: string, options: SignOptions): Promise<SignReport> {
    const { signTarball } = await import('./marketplace/sign.ts')
    return signTarball(tarball, options, this.#now)
  }

  /** Says with the old key which key takes its place, in a file for the hosts that trust the old one. */
  async rotate(options: RotateOptions): Promise<RotationReport> {
    const { rotateKey } = await import('./marketplace/rotate.ts')
    return rotateKey(options)
  }

  /** Makes a folder of tarballs and their bundles a registry, which any web server can hand out. */
  async buildRegistry(dir: string, options: BuildOptions = {}): Promise<RegistryReport> {
    const { buildRegistry } = await import('./marketplace/registry.ts')
    return buildRegistry(dir, options, this.#now)
  }

  /** `NAME@VERSION` of a registry's folder: nobody new shall get it. `null` takes that back. */
  async yank(dir: string, release: string, reason: string | null): Promise<NamedRelease> {
    const { markRelease } = await import('./marketplace/registry.ts')
    return markRelease(dir, release, { yanked: reason })
  }

  /** `NAME@VERSION` of a registry's folder: what its users are told. `null` takes that back. */
  async deprecate(dir: string, release: string, text: string | null): Promise<NamedRelease> {
    const { markRelease } = await import('./marketplace/registry.ts')
    return markRelease(dir, release, { deprecated: text })
  }

  /** Writes a small working plugin into a new folder. */
  async init(dir: string, options: InitOptions) {
    return initPlugin(dir, options)
  }

  async schema(): Promise<unknown> {
    const { manifestJsonSchema } = await import('./core/manifest-schema.ts')
    return manifestJsonSchema()
  }
}

function reportOf(packed: Awaited<ReturnType<typeof packFolder>>): PackReport {
  return {
    name: packed.name,
    version: packed.version,
    files: packed.files.length,
    bytes: packed.bytes.length,
    sha256: packed.sha256,
    leftOut: packed.leftOut,
  }
}
