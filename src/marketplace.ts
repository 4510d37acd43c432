import { basename } from 'node:path'
import { ARCHIVE_BOUNDS, fileBytesOf } from './core/archive.ts'
import { readArchive } from './core/archive-reader.ts'
import { sha256 } from './core/digest.ts'
import { ManifestError } from './core/errors.ts'
import { MANIFEST_FILE } from './core/manifest.ts'
import { parseManifest } from './core/manifest-parser.ts'
import type { PluginName } from './core/name.ts'
import { fetchTarball, initPlugin, packFolder, writeBundle, writeTarball } from './registry/index.ts'
import {
  buildStatement,
  generateKey,
  readSecretKey,
  signedFilesOf,
  signPayload,
  writeKeyFiles,
} from './verify/index.ts'

/** What a packed folder came to. */
export interface PackReport {
  readonly name: PluginName
  readonly version: string
  readonly files: number
  readonly bytes: number
  readonly sha256: string
  readonly leftOut: readonly string[]
}

export interface SignOptions {
  /** Secret key file. */
  readonly key: string
  /** Asked only when the key is encrypted. */
  readonly passphrase: () => Promise<string | null> | string | null
  readonly sequence?: number | undefined
  /** Replaces a signature that is there. */
  readonly replace?: boolean | undefined
  /** ISO 8601. */
  readonly expiresAt?: string | undefined
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

  /** Signs what is in the tarball, as it is read once, and writes the bundle beside it. */
  async sign(tarball: string, options: SignOptions) {
    const staged = await fetchTarball(tarball)
    const archive = readArchive(staged.bytes, ARCHIVE_BOUNDS)
    const entry = archive.entries.find(({ path }) => path === MANIFEST_FILE)
    if (entry === undefined)
      throw new ManifestError('MANIFEST_MISSING', `cannot sign ${tarball}: it has no ${MANIFEST_FILE}`)
    const bytes = fileBytesOf(archive, entry)
    const manifest = parseManifest(bytes, `${MANIFEST_FILE} of ${tarball}`)
    const key = await readSecretKey(options.key, options.passphrase)
    const now = this.#now()
    const payload = buildStatement({
      name: manifest.name,
      version: manifest.version,
      sha256: staged.sha256,
      sha512: staged.sha512,
      manifestDigest: sha256(bytes),
      files: signedFilesOf(archive),
      // Seconds since 1970 count up by themselves; a publisher with a counter of their own names it.
      sequence: options.sequence ?? Math.floor(now.getTime() / 1000),
      publishedAt: now.toISOString(),
      expiresAt: options.expiresAt ?? null,
    })
    const bundle = await writeBundle(tarball, signPayload(payload, key), { replace: options.replace === true })
    return { name: manifest.name, version: manifest.version, keyId: key.publicKey.id, bundle }
  }

  /** Writes a small working plugin into a new folder. */
  async init(dir: string, options: { readonly name: string; readonly runtime: string }) {
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
