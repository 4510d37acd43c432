import { sha256 } from '../../core/digest.ts'
import type { Installation } from '../../core/installation.ts'
import { checkedCompileCache, hasCompileCache, removeCompileCache } from '../../store/index.ts'
import type { Host } from '../host.ts'

export const MADE = 'compile-cache-made'

/** What the trail says of the last time. */
export interface Made {
  readonly key: string
  readonly sha256: string
  /** `consentDigest` of that moment. */
  readonly consent: string
}

/** What its operator had agreed to: what lies in a path that it may not read any more, may be in what was compiled, too. */
export const consentDigest = ({ consent }: Installation): string => sha256(JSON.stringify(consent))

export function madeOf({ store }: Pick<Host, 'store'>, { name, version, digest }: Installation): Made | null {
  const { key, sha256: list, consent, ...made } = store.events.latest(name, [MADE])?.details ?? {}
  if (made.version !== version || made.release !== digest) return null
  return typeof key === 'string' && typeof list === 'string' ? { key, sha256: list, consent: `${consent}` } : null
}

/**
 * The compiled code beside a release, when it is byte for byte what the trail says was made; `null` when there is none.
 * What was changed is removed, and said in the trail: a run without it is only slower.
 */
export function keptCompileCache(host: Host, installation: Installation, release: string): string | null {
  const made = madeOf(host, installation)
  if (made === null || !hasCompileCache(release, made.sha256)) return null
  const isAgreed = made.consent === consentDigest(installation)
  const folder = isAgreed ? checkedCompileCache(release, made.sha256) : null
  if (folder !== null) return folder
  const { name, version } = installation
  removeCompileCache(release, made.sha256)
  host.store.note('compile-cache-refused', name, {
    version,
    reason: isAgreed ? 'it is not what was made' : 'it was made under another consent',
  })
  return null
}
