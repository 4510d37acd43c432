import type { Sha256 } from './digest.ts'
import type { Permissions } from './manifest.ts'
import type { PluginName } from './name.ts'

/**
 * Where an installation stands. `installing` and `removing` are pending: start-up finishes or undoes them. `kept` is a version
 * that was installed before and can be gone back to; it does not run.
 */
export const INSTALLATION_STATES = ['installing', 'installed', 'disabled', 'quarantined', 'kept', 'removing'] as const
export type InstallationState = (typeof INSTALLATION_STATES)[number]

/** The only moves there are. SQLite's CHECK repeats the states, and a test holds the two lists equal. */
export const NEXT = {
  installing: ['installed', 'removing'],
  installed: ['disabled', 'quarantined', 'kept', 'removing'],
  disabled: ['installed', 'quarantined', 'kept', 'removing'],
  quarantined: ['installed', 'kept', 'removing'],
  kept: ['installed', 'removing'],
  removing: [], // the row is deleted; there is no way back
} as const satisfies Record<InstallationState, readonly InstallationState[]>

export function mayBecome(from: InstallationState, to: InstallationState): boolean {
  return (NEXT[from] as readonly InstallationState[]).includes(to)
}

/** One release of one plugin on this host. */
export interface Installation {
  readonly id: number
  readonly name: PluginName
  readonly version: string
  readonly state: InstallationState
  /** sha256 of the tarball that was verified. */
  readonly digest: Sha256
  /** sha256 of `plugin.json` as signed. */
  readonly manifestDigest: Sha256
  /** sha256 of the list of files that was recorded at install; `null`: the signed statement has it. */
  readonly filesDigest: Sha256 | null
  /** Let in by name without a signature, until then; `null`: it is signed. */
  readonly unsignedUntilMs: number | null
  /** The host uid and gid that only this plugin runs as. */
  readonly uid: number
  /** Key ids and identities that were counted. */
  readonly signers: readonly string[]
  /** What the operator agreed to when it was installed. */
  readonly consent: Permissions
  /** Records of the launcher's `--seal` walk over the tree when it was last found equal to the signed list. */
  readonly seal: Buffer | null
  /** The process that last changed its state: a pending state is finished or undone once that process is gone. */
  readonly holder: string
  /** Being removed together with its data and its user id. */
  readonly isPurging: boolean
  readonly installedAtMs: number
  /** The registry it came from; `null`: a file. */
  readonly source: string | null
  /** The range of versions that was asked for; `null`: whichever was the newest, or what another plugin needed. */
  readonly asked: string | null
  /** Other plugins that it needs, as its manifest says. */
  readonly requires: Readonly<Record<string, string>>
}

/** The first and last moment that `Date` can tell are as far from 1970. */
const LAST_MS = 8.64e15

/** ISO 8601, as it is shown and recorded. */
export function unsignedUntilOf({ unsignedUntilMs }: Pick<Installation, 'unsignedUntilMs'>): string | null {
  if (unsignedUntilMs === null) return null
  // A hand in the database can write what no date is; that must not spoil the list of everything else.
  return new Date(Math.max(-LAST_MS, Math.min(unsignedUntilMs, LAST_MS))).toISOString()
}
