import type { LimitRequest, Profile } from './limits.ts'

/** What the host's operator decided, `config.json`. A missing file is every default. */
export interface Config {
  readonly profile: Profile
  readonly defaults: LimitRequest
  readonly ceilings: LimitRequest
  /** Ceilings of one plugin, over the general ones. */
  readonly plugins: Readonly<Record<string, { readonly ceilings: LimitRequest }>>
  readonly uids: { readonly first: number; readonly count: number }
  readonly interpreters: { readonly node?: string | undefined; readonly python?: string | undefined }
}

/** What a host without a `config.json` does; a test holds it equal to what the parser makes of an empty one. */
export const DEFAULT_CONFIG: Config = {
  profile: 'production',
  defaults: {},
  ceilings: {},
  plugins: {},
  // systemd's UIDS-GIDS leaves 1879048192 to 2147483647 unclaimed.
  uids: { first: 1_879_048_192, count: 65_536 },
  interpreters: {},
}
