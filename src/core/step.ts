import type { Sha256 } from './digest.ts'

/** What a change of one plugin is called. */
export type ChangeKind = 'install' | 'update' | 'rollback' | 'remove' | 'repair' | 'gc'

/**
 * What takes one step of a change back, as data: it is written down before the step is taken, so that whoever comes after a
 * crash can do it. Each is safe to do twice, and does nothing where the step was never taken.
 */
export type StepUndo =
  /** Deletes the row of an installation in the making, and what it alone was given. */
  | { readonly undo: 'forget'; readonly installation: number }
  /** Deletes a folder below `staging/`, named without its path. */
  | { readonly undo: 'discard'; readonly folder: string }
  /** Takes a release away that was moved into place. */
  | { readonly undo: 'remove-tree'; readonly version: string; readonly digest: Sha256 }
  /** Puts `/data` back as a snapshot has it; `null`: there was none. */
  | { readonly undo: 'restore-data'; readonly from: string | null }
  /** Deletes a snapshot, named below the plugin's own. */
  | { readonly undo: 'drop-snapshot'; readonly folder: string }

/** One change that goes on, or that a process which is gone left behind. */
export interface OpenChange {
  readonly id: number
  readonly name: string
  readonly kind: ChangeKind
  /** The process at work. */
  readonly holder: string
  /** It has come true; what steps it has only clear up. */
  readonly isCommitted: boolean
  readonly startedAtMs: number
}

export interface Step {
  readonly position: number
  readonly step: string
  readonly undo: StepUndo
}
