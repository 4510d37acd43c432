import { setTimeout as sleep } from 'node:timers/promises'
import { asDiskFailed } from '../core/disk-failure.ts'
import { PluginError, StoreError } from '../core/errors.ts'
import { assertNotInterrupted, interrupted } from '../core/interrupted.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { OnProgress } from '../core/progress.ts'
import { titleOfChange } from '../core/recovered.ts'
import type { ChangeKind, OpenChange, StepUndo } from '../core/step.ts'
import type { Host } from './host.ts'
import { hooksHaveEnded } from './recovery.ts'
import { leave, noteRecovered, undoChange } from './undoing.ts'

/** How long a change waits for another one of the same plugin, in milliseconds. */
export const WAIT_MS = 30_000

export interface ChangeOptions {
  /** Aborted: what was done is undone. Asked before each step. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
  /** Ends what runs of the plugin when everything is decided, so that whoever started it starts the version that comes. */
  readonly restart?: boolean | undefined
}

/** The steps of one change as they are taken. */
export interface Steps {
  /** To be named in the transaction that ends it. */
  readonly change: OpenChange
  /** Writes down how the step is undone, then takes it. */
  take<T>(step: string, undo: StepUndo, work: () => T | Promise<T>): Promise<T>
  /** Writes down how what comes next is undone, without asking whether to go on: for what has begun. */
  note(step: string, undo: StepUndo): void
  /** A step that writes its undo down by itself, or that needs none. @throws PluginError `INTERRUPTED` */
  proceed(): void
}

/**
 * One change of one plugin: nobody else changes that plugin meanwhile. `work` ends it in the transaction that makes it
 * true; whatever it throws before, every step is undone, last first, and the original error is thrown. A process that dies
 * leaves the rows, and the next command undoes them in the same way.
 *
 * @throws PluginError `DISK_FAILED` for a file that nobody below has said more about
 * @throws StoreError `STORE_BUSY`, naming the process that is at work on the plugin, after 30 s; or the one that holds the database, after 10
 */
export async function change<T>(
  host: Host,
  name: PluginName,
  kind: ChangeKind,
  options: ChangeOptions,
  work: (steps: Steps) => Promise<T>,
): Promise<T> {
  const open = await begin(host, name, kind, options)
  const proceed = () => assertGoesOn(name, kind, options.signal)
  const note = (step: string, undo: StepUndo) => host.store.changes.note(open, step, undo)
  try {
    const done = await work({
      change: open,
      proceed,
      note,
      take: async (step, undo, act) => {
        proceed()
        note(step, undo)
        return act()
      },
    })
    await clearUp(host, open)
    return done
  } catch (error) {
    const isEnded = options.signal?.aborted === true && isAbort(error, options.signal)
    const title = `the ${titleOfChange({ kind, name })}`
    throw await undone(host, open, isEnded ? interrupted(title, error) : asDiskFailed(`finish ${title}`, error))
  }
}

/** Node throws an AbortError or the reason itself, which may be anything. */
const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && error.name === 'AbortError')

/** It stands whatever happens now: what could not be cleared up is left to the next command. */
async function clearUp(host: Host, open: OpenChange): Promise<void> {
  try {
    await undoChange(host, open)
  } catch (error) {
    noteLeft(host, open, error)
    leave(host, open)
  }
}

/** Whoever clears it up tells why that was not done at once. A disk that takes no line of the trail is no reason to fail. */
function noteLeft({ store }: Host, { name, kind, startedAtMs }: OpenChange, error: unknown): void {
  try {
    store.note('left', name, { change: kind, startedAtMs, reason: printable(sentence(error), 600) })
  } catch (failure) {
    if (!(failure instanceof PluginError)) throw failure
  }
}

async function begin(host: Host, name: PluginName, kind: ChangeKind, options: ChangeOptions): Promise<OpenChange> {
  const { changes } = host.store
  let said = 0
  for (const deadline = Date.now() + WAIT_MS; ; await sleep(50)) {
    assertGoesOn(name, kind, options.signal)
    try {
      return changes.begin(name, kind)
    } catch (error) {
      if (!isAtWork(error) || Date.now() > deadline) throw error
      await recoverFrom(host, name)
      if (said++ === 4) options.onProgress?.({ kind: 'step', name, text: `waiting: ${error.message}` })
    }
  }
}

/** Somebody is at work on the plugin. For the database as a whole the store has waited already, and nobody waits twice. */
export const isAtWork = (error: unknown): error is StoreError =>
  error instanceof StoreError && error.code === 'STORE_BUSY' && error.details.database === undefined

/** Whoever was at work has died since this command began. What it was trying out may live on, with the user id that would be given back. */
async function recoverFrom(host: Host, name: PluginName): Promise<void> {
  const dead = host.store.changes.abandoned().find((one) => one.name === name)
  if (dead === undefined || !(await hooksHaveEnded(host, name))) return
  const claimed = host.store.changes.claim(dead)
  if (claimed === null) return
  try {
    await undoChange(host, claimed)
  } catch (error) {
    leave(host, claimed)
    throw error
  }
  noteRecovered(host, claimed)
}

/** Takes the change back, unless it has come true already. What cannot be taken back now is left, written down, to the next command. */
async function undone(host: Host, open: OpenChange, error: unknown): Promise<unknown> {
  try {
    await undoChange(host, open)
    return error
  } catch (failure) {
    leave(host, open)
    const code = error instanceof PluginError ? error.code : 'INTERNAL'
    return new PluginError(code, `${sentence(error)} (and could not undo it: ${sentence(failure)})`, {
      cause: new AggregateError([error, failure]),
      hint: 'the next command undoes what is left: plugins list',
    })
  }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function assertGoesOn(name: PluginName, kind: ChangeKind, signal: AbortSignal | undefined): void {
  assertNotInterrupted(signal, `the ${titleOfChange({ kind, name })}`)
}
