import { StoreError, UsageError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { printable } from '../core/printable.ts'
import { formatWho, type Who } from '../core/who.ts'
import type { Hold as KeptHold } from '../store/index.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'
import { assertReason } from './reason.ts'
import { whoDecides } from './who.ts'

/** A plugin that stays at the version it is at. */
export interface Hold {
  readonly name: string
  /** What is installed of it; `null`: nothing any more. */
  readonly version: string | null
  /** ISO 8601; `null`: until it is taken away. */
  readonly until: string | null
  readonly reason: string | null
  readonly who: Who
  readonly since: string
}

export interface HoldOptions {
  /** `null`: for ever. */
  readonly until?: Date | null | undefined
  readonly reason?: string | null | undefined
}

/** Beyond it dates are not written with four digits any more. */
const LAST_MS = Date.UTC(9999, 11, 31)

/** @throws StoreError `NOT_INSTALLED` */
export function hold(host: Host, text: string, { until = null, reason = null }: HoldOptions = {}): Hold {
  const name = nameOf(text)
  if (reason !== null) assertReason(reason, `hold ${name}`, 'give --reason TEXT')
  const untilMs = until === null ? null : until.getTime()
  if (untilMs !== null && !(untilMs > host.now().getTime() && untilMs <= LAST_MS)) {
    throw new UsageError('USAGE', `cannot hold ${name} until ${momentOf(untilMs)}: expected a time after now`)
  }
  return shown(host, host.store.holds.hold({ name, untilMs, reason, who: whoDecides(host) }))
}

/** @throws StoreError `WRONG_STATE`: it is not held */
export function unhold(host: Host, text: string): Hold {
  return shown(host, host.store.holds.unhold(nameOf(text), whoDecides(host)))
}

/** Those that hold now, by name. */
export const holds = (host: Host): Hold[] => host.store.holds.list().map((kept) => shown(host, kept))

export function holdOf(host: Host, text: string): Hold | null {
  const kept = host.store.holds.of(nameOf(text))
  return kept === null ? null : shown(host, kept)
}

/** For whatever would give a plugin another version. @throws StoreError `WRONG_STATE` */
export function assertNotHeld(host: Host, installation: Pick<Installation, 'name' | 'version'>, verb: string): void {
  const { name, version } = installation
  const held = holdOf(host, name)
  if (held === null) return
  const { until, reason, who } = held
  const why = reason === null ? '' : `: ${printable(reason, 500)}`
  throw new StoreError(
    'WRONG_STATE',
    `cannot ${verb} ${name}: it is held at ${version}${until === null ? '' : ` until ${until}`} by ${formatWho(who)}${why}`,
    { hint: `plugins unhold ${name}`, details: { hold: held } },
  )
}

/** The same for a lock file: for ever is its to say; until a date is this host's own word, of which it knows nothing. */
export function assertNotHeldUntil(host: Host, installation: Pick<Installation, 'name' | 'version'>): void {
  const isDated = (host.store.holds.of(installation.name)?.untilMs ?? null) !== null
  if (isDated) assertNotHeld(host, installation, 'go by the lock file with')
}

function shown({ store }: Host, { name, untilMs, reason, who, sinceMs }: KeptHold): Hold {
  const until = untilMs === null ? null : momentOf(untilMs)
  return { name, version: store.find(name)?.version ?? null, until, reason, who, since: momentOf(sinceMs) }
}

/** A hand in the database can write what no date is; that must not spoil the list of everything else. */
const momentOf = (ms: number): string =>
  Number.isFinite(new Date(ms).getTime()) ? new Date(ms).toISOString() : `${ms} ms after 1970`
