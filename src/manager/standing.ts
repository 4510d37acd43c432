import { CallError, PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { Run } from '../runtime/index.ts'
import { noteRefusal } from '../runtime/refused-runs.ts'
import type { AuditEvent } from '../store/index.ts'
import { assertRunnable, assertStillTrusted } from './clearance.ts'
import { PAGE } from './following.ts'
import type { Host } from './host.ts'
import { isOfThePlugin, isRevocation, quarantine } from './quarantine.ts'
import { ranRelease } from './revocation.ts'
import { passed, ps } from './watching.ts'

/** What goes on for longer than one run, and may have to end. */
export interface Standing {
  readonly name: PluginName
  /** Aborted when nothing of it runs any more. */
  readonly gone: AbortSignal
  /** Is this run one of its own? All of its plugin are, if not said: what was replaced goes on until it is renewed. */
  readonly isOwn?: (run: string) => boolean
  /** It may not run any more. */
  revoke(error: PluginError): Promise<void>
  /** It could not be looked at; that is tried again. */
  unwatched(error: PluginError): void
}

/** What watching takes of a manager. */
export interface Watching {
  readonly host: () => Promise<Host>
  readonly closing: AbortSignal
}

/** How often the trail is looked at, and how soon again when it could not be. */
const TRAIL_MS = 500
const AGAIN_MS = 1_000
/** Events about signers and releases: of what was replaced and goes on, nothing else is written. */
const TRUST_KINDS = 'trust-'
/** How often the trust policy is asked again: an edit by hand leaves no line in the trail. */
const TRUST_MS = 10_000

/**
 * Ends it when it may not run any more, whoever decided so: from its first start until nothing of it runs.
 * `after`: the last event before that.
 */
export function watchStanding(on: Watching, standing: Standing, host: Host, after: number): void {
  const { name } = standing
  let last = after
  let known = host
  const over = AbortSignal.any([on.closing, standing.gone])
  const tell = (error: unknown): void => {
    if (over.aborted) return
    standing.unwatched(
      error instanceof PluginError ? error : new PluginError('INTERNAL', `cannot watch ${name}: ${error}`),
    )
  }
  const judged = async (): Promise<void> => {
    // A config.json that cannot be read is told at the next start, and nobody is spared by it meanwhile.
    known = await on.host().catch(() => known)
    const refusal = await refusalOf(known, standing)
    if (refusal !== null) await standing.revoke(refusal)
  }
  const byTrail = async (): Promise<void> => {
    let news: readonly AuditEvent[]
    do {
      news = known.store.events.since(last, PAGE)
      // What cannot be found out now is asked again by the clock; what happens next is seen at once all the same.
      // Once for all of it: a plugin that has much written about it is not judged more often for that.
      if (news.some(({ kind, subject }) => subject === name || kind.startsWith(TRUST_KINDS))) await judged().catch(tell)
      last = news.at(-1)?.id ?? last
    } while (await passed(news.length === PAGE ? 0 : TRAIL_MS, over))
  }
  const byTrust = async (): Promise<void> => {
    while (await passed(TRUST_MS, over)) await judged().catch(tell)
  }
  for (const watching of [byTrail, byTrust]) {
    // What cannot be watched is told, and watched again: a disk that fails for a moment must not end the watch.
    const again = async (): Promise<void> => {
      do await watching().catch(tell)
      while (await passed(AGAIN_MS, over))
    }
    void again()
  }
}

/** Ends one run when its plugin may not run any more. `after`: the last event before it was checked. */
export function endWhenRefused(on: Watching, name: PluginName, run: Run, host: Host, after: number): void {
  const ended = new AbortController()
  const over = () => ended.abort()
  run.outcome.then(over, over)
  const standing: Standing = {
    name,
    gone: ended.signal,
    isOwn: (id) => id === run.run,
    revoke: async (why) => {
      noteRefusal(run, why)
      // How it ended, its own outcome says.
      await run.close().catch(() => {})
    },
    // Nobody listens; it is tried again as long as it runs.
    unwatched: () => {},
  }
  watchStanding(on, standing, host, after)
}

/**
 * Why a plugin may not go on, or `null`. What only refuses a new run, such as an emptied policy, ends none that goes on.
 *
 * @throws PluginError when it cannot be found out, as with a trust.json that somebody has broken: no verdict about the plugin
 */
async function refusalOf(host: Host, standing: Standing): Promise<PluginError | null> {
  const { name } = standing
  const installation = host.store.find(name)
  if (installation === null) return new CallError('PLUGIN_CLOSED', `cannot go on with ${name}: it was removed`)
  let trouble: unknown = null
  try {
    // What was revoked is in quarantine too, and that is not why.
    const revocation = await revocationOf(host, installation, standing)
    if (revocation !== null) return revocation
  } catch (error) {
    trouble = error
  }
  try {
    // That it was disabled counts whatever else cannot be found out.
    assertRunnable(host, installation)
  } catch (error) {
    if (error instanceof PluginError) return error
    throw error
  }
  if (trouble !== null) throw trouble
  return null
}

/** Of what is installed, which is then put away, or of a version that was replaced and goes on until it is renewed. */
async function revocationOf(
  host: Host,
  installation: Installation,
  { isOwn = () => true }: Standing,
): Promise<PluginError | null> {
  const { name, version } = installation
  const own = ps(host, name).filter(({ run }) => isOwn(run))
  const before = new Set(own.map((run) => run.version))
  before.delete(version)
  const replaced = [...before].map((other) => ranRelease(host, name, other))
  for (const release of [installation, ...replaced]) {
    try {
      if (release !== null) await assertStillTrusted(host, release)
    } catch (error) {
      if (!(error instanceof PluginError) || !isOfThePlugin(error)) throw error
      const isRevoked: boolean = isRevocation(error)
      if (isRevoked && release === installation) quarantine(host, installation, error)
      if (isRevoked) return error
    }
  }
  return null
}
