import type { Config, NetworkPolicy } from './config.ts'
import { type OperatorSource, type Profile, profileFor } from './limits.ts'
import type { Manifest } from './manifest.ts'

/** Where a line of a run's network came from; `--dry-run` prints it. */
export type NetworkSource = 'manifest' | 'profile' | OperatorSource

/** One destination, as the launcher takes it: `HOST:PORT`, `*.HOST:PORT`, `*:PORT`, `ADDRESS:PORT`. */
export interface NetworkEntry {
  readonly to: string
  readonly from: NetworkSource
}

/** Who a run may reach: what its manifest lists, as far as this host's operator lets it. Nothing in `allow`: no network. */
export interface NetworkGrant {
  readonly policy: { readonly value: NetworkPolicy; readonly from: NetworkSource }
  readonly allow: readonly NetworkEntry[]
  /** Addresses that are not public and may be reached all the same, where `allow` leads to them. */
  readonly private: readonly NetworkEntry[]
  /** What the manifest lists and this host does not give: said at install and in the plan. */
  readonly cuts: readonly string[]
  /** What this host would give, and nobody agreed to when it was installed. */
  readonly unagreed: readonly string[]
}

/** DESIGN §3: any public host for development, what is listed in production, nothing under `strict`. */
const POLICIES: Readonly<Record<Profile, NetworkPolicy>> = {
  development: 'public',
  production: 'listed',
  strict: 'none',
}

export interface NetworkQuestion {
  /** The profile that a run was started with. */
  readonly profile?: Profile | undefined
  /** What was agreed to at install; `null` while it is being asked. */
  readonly agreed: readonly string[] | null
}

type NetworkConfig = Pick<Config, 'profile' | 'profiles' | 'plugins' | 'privateAddresses'>

/**
 * Pure. A plugin that lists nothing asks for nothing and gets nothing, whatever the policy: nobody agreed to more. With
 * `public` one that lists something reaches any public host, at the ports of its list: a relay listens at ports, and a
 * plugin could not use one of its own at which it does. Whatever the policy became since, and whoever starts a run with
 * whatever profile: nothing is reached that the person who installed it was not shown.
 */
export function effectiveNetwork(
  config: NetworkConfig,
  { name, permissions }: Pick<Manifest, 'name' | 'permissions'>,
  { profile, agreed }: NetworkQuestion,
): NetworkGrant {
  const listed = permissions.network
  const policy = policyOf(config, name, profileFor(config, name, profile))
  if (listed.length === 0 || policy.value === 'none') {
    return { policy, allow: [], private: [], cuts: listed, unagreed: [] }
  }
  const own = listed.map((to): NetworkEntry => ({ to, from: 'manifest' }))
  const ports = [...new Set(listed.map((to) => to.slice(to.lastIndexOf(':'))))]
  const any = policy.value === 'public' ? ports.map((port) => ({ to: `*${port}`, from: policy.from })) : []
  const isAgreed = ({ to }: NetworkEntry) => agreed === null || agreed.includes(to)
  const allow = [...own, ...any].filter(isAgreed)
  const unagreed = [...own, ...any].filter((entry) => !isAgreed(entry)).map(({ to }) => to)
  return { policy, allow, private: allow.length === 0 ? [] : privateOf(config, name), cuts: [], unagreed }
}

/** What saying yes to it agrees to: the whole list, though the host may cut it, and what the host adds. */
export function agreedNetwork(listed: readonly string[], { allow }: NetworkGrant): readonly string[] {
  return [...new Set([...listed, ...allow.map(({ to }) => to)])]
}

function policyOf({ profiles, plugins }: NetworkConfig, name: string, profile: Profile): NetworkGrant['policy'] {
  const byPlugin = plugins[name]?.network
  if (byPlugin !== undefined) return { value: byPlugin, from: 'plugin-config' }
  const byProfile = profiles[profile]?.network
  if (byProfile !== undefined) return { value: byProfile, from: 'profile-config' }
  return { value: POLICIES[profile], from: 'profile' }
}

function privateOf({ privateAddresses, plugins }: NetworkConfig, name: string): NetworkEntry[] {
  const own = plugins[name]?.privateAddresses ?? []
  return [
    ...own.map((to): NetworkEntry => ({ to, from: 'plugin-config' })),
    ...privateAddresses.filter((to) => !own.includes(to)).map((to): NetworkEntry => ({ to, from: 'config' })),
  ]
}
