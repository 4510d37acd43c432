import type { ConsentPolicy } from './consent-terms.ts'
import type { EngineName } from './engines.ts'
import type { Layer } from './layers.ts'
import type { LimitRequest, Profile } from './limits.ts'
import type { RegistryAddress } from './registry-address.ts'
import type { SettingValue } from './settings.ts'

/** What the host's operator decided, `config.json`. A missing file is every default. */
export interface Config {
  readonly profile: Profile
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
  /** What each profile means here, over what is above. */
  readonly profiles: { readonly [P in Profile]?: ProfileConfig | undefined }
  /** What holds for one plugin, over all else. */
  readonly plugins: Readonly<Record<string, PluginConfig>>
  /** `ADDRESS:PORT` that is not public and that plugins may reach all the same, if their own list leads there. */
  readonly privateAddresses: readonly string[]
  /** Who builds sandboxes here. */
  readonly engine: EngineName
  readonly uids: { readonly first: number; readonly count: number }
  readonly interpreters: { readonly node?: string | undefined; readonly python?: string | undefined }
  readonly preload: PreloadConfig
  /** How often figures of a run are taken. */
  readonly sampleMs: number
  readonly logs: LogConfig
  /** What Node has compiled of a plugin is kept for its next start: the library makes it, in a sandbox of its own. */
  readonly compileCache: boolean
  /** The operator's own programs that look at a release before it is installed, in this order. */
  readonly scanners: readonly ScannerConfig[]
  /** How many versions of a plugin stay on the disk, the active one among them. */
  readonly keepVersions: number
  /** What is agreed to without a question, by pattern of plugin names. */
  readonly consent: ConsentPolicy
  readonly updates: UpdateConfig
  /** Where releases come from; the first one whose patterns match a name serves it, and no other. */
  readonly registries: readonly RegistryConfig[]
}

/** What a plugin that asks for it may find imported already: nothing that is not named here. */
export interface PreloadConfig {
  /** Modules of the system's Python. */
  readonly python: readonly string[]
  /** Of each preloaded parent; what its copies use is counted with them. */
  readonly memoryBytes: number
}

/** How long a release must have been out before it is installed here. */
export interface UpdateConfig {
  /** 0: it need not. */
  readonly minimumAgeMs: number
  /** Patterns of plugins that need not wait. */
  readonly exempt: readonly string[]
  /** Nor need one that a countersigner of the trust policy has looked at. */
  readonly countersignedAtOnce: boolean
}

export interface RegistryConfig {
  readonly name: string
  /** A folder, or an address that ends with a slash, as `readAddress` has it. */
  readonly address: RegistryAddress
  /** Patterns of the plugins it serves. */
  readonly namespaces: readonly string[]
  /** Plain http to another machine is accepted. */
  readonly insecure: boolean
  /** A file with one line that is sent there, and nowhere else, as a bearer token. */
  readonly tokenFile: string | null
}

export interface ScannerConfig {
  readonly name: string
  /** The program's absolute path, and its arguments: no shell stands between. */
  readonly command: readonly [string, ...string[]]
  readonly timeoutMs: number
  /** Patterns of the plugins it looks at. */
  readonly plugins: readonly string[]
}

/** What is kept of what plugins write to stderr, in bytes. */
export interface LogConfig {
  /** Of one run; 0: nothing. */
  readonly runBytes: number
  /** Of all runs of a plugin that have ended; the oldest go first. */
  readonly pluginBytes: number
}

/** Who may be reached through the relay: nobody, what the manifest lists, any public address. */
export const NETWORKS = ['none', 'listed', 'public'] as const
export type NetworkPolicy = (typeof NETWORKS)[number]

/** Percent of a limit from which on the operator is told; 0: never. */
export interface AlertConfig {
  readonly memory?: number | undefined
  readonly cpu?: number | undefined
  readonly files?: number | undefined
}

/** What an operator is told who has said nothing. */
export const DEFAULT_ALERTS: Readonly<Required<Record<keyof AlertConfig, number>>> = { memory: 80, cpu: 90, files: 80 }

export interface ProfileConfig {
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
  readonly network?: NetworkPolicy | undefined
  readonly alerts: AlertConfig
}

export interface PluginConfig {
  readonly profile?: Profile | undefined
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
  readonly network?: NetworkPolicy | undefined
  readonly privateAddresses: readonly string[]
  readonly engine?: EngineName | undefined
  /** Layers it goes without, as with `--weaker`; recorded with each run. */
  readonly weaker: readonly Layer[]
  /** For its manifest's `config`. */
  readonly settings: Readonly<Record<string, SettingSource>>
}

/** A value, or the file whose one line it is: for a secret, which has no business in a configuration. */
export type SettingSource = SettingValue | { readonly file: string }

/** What a host without a `config.json` does; a test holds it equal to what the parser makes of an empty one. */
export const DEFAULT_CONFIG: Config = {
  profile: 'production',
  defaults: {},
  ceilings: {},
  profiles: {},
  plugins: {},
  privateAddresses: [],
  engine: 'native',
  // systemd's UIDS-GIDS leaves 1879048192 to 2147483647 unclaimed.
  uids: { first: 1_879_048_192, count: 65_536 },
  interpreters: {},
  preload: { python: [], memoryBytes: 512 * 2 ** 20 },
  sampleMs: 10_000,
  logs: { runBytes: 2 * 2 ** 20, pluginBytes: 16 * 2 ** 20 },
  compileCache: true,
  scanners: [],
  keepVersions: 3,
  consent: {},
  updates: { minimumAgeMs: 0, exempt: [], countersignedAtOnce: false },
  registries: [],
}
