import type { Host } from './host.ts'

/** One row of `plugins registry list`, in the order in which names are looked up. */
export interface RegistryInfo {
  readonly name: string
  readonly url: string
  readonly namespaces: readonly string[]
  readonly insecure: boolean
  readonly tokenFile: string | null
}

export interface RegistryAdd {
  /** A folder, file:// or https:// */
  readonly url: string
  /** Patterns of the plugins it serves; left out: all. */
  readonly namespaces?: readonly string[] | undefined
  /** Before all others, in the place of behind them. */
  readonly first?: boolean | undefined
  readonly insecure?: boolean | undefined
  readonly tokenFile?: string | undefined
}

export interface RegistryChange extends RegistryInfo {
  readonly notes: readonly string[]
}

/** Where this host gets releases: the `registries` of config.json. Every change is in the audit trail. */
export class Registries {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  async list(): Promise<readonly RegistryInfo[]> {
    return (await this.#edits()).listRegistries(this.#host)
  }

  /** @throws UsageError for what no configuration may hold; StoreError `WRONG_STATE` when the name is taken */
  async add(name: string, asked: RegistryAdd): Promise<RegistryChange> {
    return (await this.#edits()).addRegistry(this.#host, name, asked)
  }

  /** @throws RegistryError `REGISTRY_NOT_FOUND` */
  async remove(name: string): Promise<RegistryInfo> {
    return (await this.#edits()).removeRegistry(this.#host, name)
  }

  /** The schema of config.json costs more to load than a run does. */
  #edits() {
    return import('./registry-edits.ts')
  }
}
