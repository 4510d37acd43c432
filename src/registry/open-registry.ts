import type { RegistryConfig } from '../core/config.ts'
import { FolderFiles } from './folder-files.ts'
import type { Patience } from './http/patience.ts'
import { IndexedRegistry } from './indexed-registry.ts'
import type { Registry } from './registry.ts'

export interface OpenOptions {
  /** Where what was fetched of a broken transfer is kept; `null`: nowhere. */
  readonly downloads: string | null
  /** The caller's: token files and kept downloads must be theirs. */
  readonly uid: number
  readonly patience?: Partial<Patience> | undefined
}

/** The registry that a row of the configuration names. Nothing is asked of it yet. */
export async function openRegistry(config: RegistryConfig, options: OpenOptions): Promise<Registry> {
  const { name, address, tokenFile } = config
  if (address.kind === 'folder') return new IndexedRegistry(name, new FolderFiles(address.path))
  // TLS costs more to load than a whole command on a folder.
  const [{ HttpFiles }, { Downloads }, { TokenFile }] = await Promise.all([
    import('./http/http-files.ts'),
    import('./http/downloads.ts'),
    import('./http/token.ts'),
  ])
  const token = tokenFile === null ? null : new TokenFile(tokenFile, options.uid)
  const files = new HttpFiles({
    url: address.url,
    token: async () => token?.read() ?? null,
    downloads: options.downloads === null ? null : new Downloads(options.downloads, options.uid),
    ...(options.patience === undefined ? {} : { patience: options.patience }),
  })
  return new IndexedRegistry(name, files)
}
