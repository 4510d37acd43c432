import type { Fault } from './judge.ts'

/** What a worker is to do. */
export interface Job {
  /** A module that exports TARGETS. */
  readonly table: string
  readonly target: string
  readonly seed: number
  readonly inputs: number
  readonly ms: number
  /** With coverage; without, the process may be one that Node's permission model closes, which allows no inspector. */
  readonly guided: boolean
  /** One input from this file instead of many made. */
  readonly replay?: string
}

/** A line of the worker's output. */
export type Said =
  | { readonly kind: 'fault'; readonly fault: Fault; readonly input: string; readonly smallest: string }
  | ({ readonly kind: 'done' } & Tally)

export interface Tally {
  readonly inputs: number
  readonly accepted: number
  readonly refused: number
  /** Inputs that ran code which no input before them had. */
  readonly news: number
  readonly functions: number
  readonly characters: number
  readonly peakMiB: number
  readonly ms: number
}

/** Where the number of the input and its length stand, before its bytes. */
export const CURRENT_FD = 3
export const CURRENT_HEAD = 16

/** The exit code of a worker that failed by itself; any other end before it is done is a finding. */
export const WORKER_BROKEN = 70
