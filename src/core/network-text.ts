import type { NetworkGrant, NetworkSource } from './network.ts'

/** Whose word a policy is, as people say it. */
const WORDS: Readonly<Record<NetworkSource, string>> = {
  manifest: 'the manifest',
  profile: 'its profile',
  'profile-config': 'config.json, profiles',
  'plugin-config': 'config.json, plugins',
  config: 'config.json',
}

/** Who a plugin may reach, on one line: its own list, and what the operator adds to it. */
export function formatNetwork({ policy, allow, private: excused, cuts, unagreed }: NetworkGrant): string {
  if (allow.length === 0) return cuts.length === 0 ? 'none' : `none here (asked: ${cuts.join(', ')})`
  const own = allow.filter(({ from }) => from === 'manifest').map(({ to }) => to)
  const ports = allow.filter(({ to }) => to.startsWith('*:')).map(({ to }) => to.slice(2))
  const any = ports.length === 0 ? [] : [`any public host at port ${ports.join(', ')} (${WORDS[policy.from]})`]
  const inner = excused.length === 0 ? [] : [`though not public: ${excused.map(({ to }) => to).join(', ')}`]
  const kept = unagreed.map(inWords).join(', ')
  const outer = unagreed.length === 0 ? [] : [`not ${kept}: nobody agreed to it at install`]
  return [own.join(', '), ...any, ...outer, ...inner].join('; ')
}

const inWords = (to: string): string => (to.startsWith('*:') ? `any public host at port ${to.slice(2)}` : to)

/** What the host does not give, and why; `null` if it gives all. */
export function formatCutNetwork({ policy, cuts }: NetworkGrant): string | null {
  return cuts.length === 0 ? null : `${cuts.join(', ')} to none (${WORDS[policy.from]})`
}
