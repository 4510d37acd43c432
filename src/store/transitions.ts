import type { Installation } from '../core/installation.ts'
import type { Permissions } from '../core/manifest.ts'
import type { OpenChange, StepUndo } from '../core/step.ts'
import type { NewApproval } from './approvals.ts'
import type { KeptSnapshot } from './snapshots.ts'
import type { Verdict } from './verdicts.ts'

/** What is known only when the tree stands. */
export interface Settled {
  readonly seal: Buffer | null
  /** The newest version this host has ever had of the plugin, the new one included (DESIGN §4.7): never lowered. */
  readonly highWater: string
  /** Said in the audit trail: an older version was let in by name. */
  readonly allowedDowngrade: boolean
  /** Why it was let in. */
  readonly verdict: Verdict
  /** It comes true with this, */
  readonly change: OpenChange
  /** and this is left to clear up. */
  readonly leftovers: readonly StepUndo[]
  /** `/data` as the release that gives way has it. */
  readonly snapshot: Pick<KeptSnapshot, 'folder' | 'bytes'> | null
  /** Who agreed to it, and to what; `null`: what was agreed to before holds. */
  readonly approval: NewApproval | null
  /** Asked in the same transaction: does it go together with what is here by now? */
  readonly assertFits?: (() => void) | undefined
  /** Of the versions that are kept, so many stay. */
  readonly keep: number
}

/** What has become of it. */
export interface Settlement {
  readonly installation: Installation
  /** What it took the place of. */
  readonly replaced: Installation | null
  /** Versions too many: their trees may go. */
  readonly surplus: readonly Installation[]
}

/** What an installation begins with. */
export interface Beginning {
  readonly change: OpenChange
  readonly consent: Permissions
  /** What the downgrade check looked at: when it has moved since, that check must be made again. */
  readonly seenHighWater: string | null
  /** The installation that whoever agreed was shown; when it is another one now, they must be asked again. */
  readonly before: Installation | null
  /** The registry it comes from; `null`: a file. */
  readonly source: string | null
  /** The range of versions that was asked for. */
  readonly asked: string | null
}

/**
 * `forth`: to one that is installed anew. `back`: on somebody's word, so no update goes to what gives way again unasked.
 * `undo`: what it came with could not be brought in; it may be tried again.
 */
export type SwitchWay = 'forth' | 'back' | 'undo'

/** One release gives way to another that was kept. */
export interface Switch {
  readonly change: OpenChange
  readonly leftovers: readonly StepUndo[]
  readonly snapshot: Settled['snapshot']
  /** Agreed to anew; `null`: what it was agreed to be allowed before. */
  readonly approval: NewApproval | null
  /** It is installed anew: from there, by that range; else it stays what it was. */
  readonly origin?: Pick<Beginning, 'source' | 'asked'> | undefined
  /** Said in the audit trail. */
  readonly details: Readonly<Record<string, unknown>>
  readonly way: SwitchWay
  readonly assertFits?: Settled['assertFits']
  /** The newest version that had been here before what gives way came; left out: that counts as having been here. */
  readonly mark?: string | null | undefined
  /** No update goes to what gives way, whichever way this is. */
  readonly isLeft?: boolean | undefined
}

/** A plugin is to go, with every version of it. */
export interface Retirement {
  readonly purge: boolean
  readonly change?: OpenChange
  readonly leftovers?: readonly StepUndo[]
  readonly assertFits?: Settled['assertFits']
  readonly mark?: Switch['mark']
}
