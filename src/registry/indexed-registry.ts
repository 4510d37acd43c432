import type { StagedTarball } from '../core/archive.ts'
import { sha512 } from '../core/digest.ts'
import { FetchError, RegistryError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { RegistryFiles } from './files.ts'
import { type IndexedRelease, PLUGIN_MAX_BYTES, parsePluginFile, parseRootFile, ROOT_MAX_BYTES } from './index-file.ts'
import { mismatch } from './mismatch.ts'
import { pacedBytes } from './paced.ts'
import { pluginIndex, ROOT_INDEX } from './paths.ts'
import type { AskOptions, FetchOptions, ListedPlugin, Registry } from './registry.ts'
import { BUNDLE_MAX_BYTES } from './tarball.ts'

type Places = Pick<IndexedRelease, 'tarball' | 'bundle'>

/** A registry by its index files, in a folder or on a web server. */
export class IndexedRegistry implements Registry {
  readonly name: string
  readonly #files: RegistryFiles
  /** Where the files of what was listed are; a release that was not listed by this object is looked up. */
  readonly #places = new WeakMap<ListedRelease, Places>()

  constructor(name: string, files: RegistryFiles) {
    this.name = name
    this.#files = files
  }

  async plugins(options: AskOptions = {}): Promise<readonly ListedPlugin[]> {
    const bytes = await this.#files.read(ROOT_INDEX, ROOT_MAX_BYTES, options)
    if (bytes === null) throw this.#isNone()
    return parseRootFile(bytes, this.#files.addressOf(ROOT_INDEX))
  }

  async releases(name: PluginName, options: AskOptions = {}): Promise<readonly ListedRelease[] | null> {
    const path = pluginIndex(name)
    const bytes = await this.#files.read(path, PLUGIN_MAX_BYTES, options)
    if (bytes !== null) {
      return parsePluginFile(bytes, name, this.#files.addressOf(path)).map((one) => this.#listed(name, one))
    }
    // A wrong address has no such file either, and "no such plugin" would be the wrong answer to that.
    if (!(await this.#files.has(ROOT_INDEX, options))) throw this.#isNone()
    return null
  }

  async fetch(release: ListedRelease, { onProgress, signal }: FetchOptions = {}): Promise<StagedTarball> {
    const { tarball, bundle } = this.#places.get(release) ?? (await this.#placesOf(release, { signal }))
    const { name, sha256, bytes: total } = release
    // The small file first: when it is missing, nothing large was fetched for nothing.
    const bundleBytes = await this.#files.read(bundle, BUNDLE_MAX_BYTES, { signal }).catch((error: unknown) => {
      if (!(error instanceof RegistryError) || error.code !== 'REGISTRY_UNREACHABLE') throw error
      throw new FetchError('DOWNLOAD_FAILED', error.message, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      })
    })
    if (bundleBytes === null) throw this.#missing(bundle)
    const onBytes = pacedBytes((done) => onProgress?.({ kind: 'bytes', what: 'download', name, done, total }), total)
    const bytes = await this.#files.download(tarball, { sha256, bytes: total }, { signal, onBytes })
    if (bytes === null) throw this.#missing(tarball)
    return { source: this.#files.addressOf(tarball), bytes, sha256, sha512: sha512(bytes), bundle: bundleBytes }
  }

  #listed(name: PluginName, { tarball, bundle, ...rest }: IndexedRelease): ListedRelease {
    const release = { registry: this.name, name, ...rest }
    this.#places.set(release, { tarball, bundle })
    return release
  }

  /** A lock file knows a release by its digest; where its files are now is the index's to say. */
  async #placesOf({ name, version, sha256 }: ListedRelease, options: AskOptions): Promise<Places> {
    const listed = (await this.releases(name, options))?.find((one) => one.version === version)
    const places = listed === undefined ? undefined : this.#places.get(listed)
    if (listed === undefined || places === undefined) {
      const where = `registry ${printable(this.name, 200)}`
      throw new RegistryError(
        'RELEASE_NOT_FOUND',
        `cannot fetch ${name} ${version}: ${where} does not list it any more`,
      )
    }
    if (listed.sha256 === sha256) return places
    const source = this.#files.addressOf(pluginIndex(name))
    throw mismatch(
      source,
      `expected ${name} ${version} as sha256:${sha256}, found it listed as sha256:${listed.sha256}`,
    )
  }

  #missing(path: string): FetchError {
    const address = printable(this.#files.addressOf(path), 400)
    return new FetchError('DOWNLOAD_FAILED', `cannot fetch ${address}: it is listed, and there is no such file`, {
      hint: 'tell whoever runs the registry; plugins registry build DIR makes its index anew',
    })
  }

  #isNone(): RegistryError {
    const address = printable(this.#files.addressOf(ROOT_INDEX), 400)
    return new RegistryError(
      'REGISTRY_INVALID',
      `cannot use registry ${printable(this.name, 200)}: there is no ${address}`,
      {
        hint: 'plugins registry build DIR makes the index of a folder of tarballs',
      },
    )
  }
}
