import { EventEmitter } from 'node:events'
import type { PluginError } from '../../core/errors.ts'
import type { OptionNames } from '../../core/known-options.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { Circuit } from '../../core/restart-policy.ts'

/** What a loaded plugin tells its host of. Each comes with the run it is about; `instance` is what `load` was told to call it. */
export interface PluginEvents {
  /** An instance answers: at first, in the place of one that ended, or renewed. */
  started: [{ readonly run: string; readonly instance: string | null; readonly pid: number }]
  /** An instance has ended; `isAsked`: its host wanted it. */
  ended: [
    {
      readonly run: string
      readonly instance: string | null
      readonly outcome: Outcome
      readonly isAsked: boolean
    },
  ]
  /** An instance has ended and nobody asked for it, or could not be started (then there is no run). */
  crash: [{ readonly run: string | null; readonly instance: string | null; readonly error: PluginError }]
  /** Another one will be started. */
  restart: [{ readonly inMs: number; readonly attempt: number }]
  circuit: [{ readonly state: Circuit }]
  /** A limit ended an instance, or is near (then `outcome` is `null`). */
  limit: [{ readonly run: string; readonly limit: string; readonly outcome: Outcome | null }]
  /** It broke its protocol, or tried what it may not. */
  violation: [{ readonly run: string; readonly code: string; readonly message: string }]
  /** It may not run any more: revoked, in quarantine, disabled or removed. Every instance is ended. */
  revoked: [{ readonly error: PluginError }]
  /** What an instance wrote to stderr, as it came. It is kept too: `plugins logs`. */
  stderr: [{ readonly run: string; readonly chunk: Buffer }]
}

export type Listener<Name extends keyof PluginEvents> = (...told: PluginEvents[Name]) => void

/** A listener for each event, from before the first instance is started. */
export type PluginListeners = { readonly [Name in keyof PluginEvents]?: Listener<Name> | undefined }

export const PLUGIN_EVENTS: OptionNames<PluginEvents> = {
  started: true,
  ended: true,
  crash: true,
  restart: true,
  circuit: true,
  limit: true,
  violation: true,
  revoked: true,
  stderr: true,
}

/** What of an emitter takes the name of an event. */
export interface Named {
  on<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  once<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  off<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  addListener<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  prependListener<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  prependOnceListener<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  removeListener<Name extends keyof PluginEvents>(event: Name, listener: Listener<Name>): this
  removeAllListeners(event?: keyof PluginEvents): this
  emit<Name extends keyof PluginEvents>(event: Name, ...told: PluginEvents[Name]): boolean
  listenerCount<Name extends keyof PluginEvents>(event: Name, listener?: Listener<Name>): number
  listeners<Name extends keyof PluginEvents>(event: Name): Listener<Name>[]
  rawListeners<Name extends keyof PluginEvents>(event: Name): Listener<Name>[]
}

/** Node's emitter, of these events alone: a name that there is not does not compile, where Node's own types take any. */
export interface PluginEmitter extends Named, Omit<EventEmitter, keyof Named> {}
export const PluginEmitter = EventEmitter as unknown as new () => PluginEmitter
