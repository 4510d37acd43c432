import { openManager } from '../../index.ts'
import { instant } from '../instant.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain } from '../text.ts'
import { sayNotes } from './trust.ts'

/** Exit 1 when the revocation stands and not everything that follows from it could be done. */
export async function trustRevoke(
  settings: Settings,
  io: Io,
  target: string,
  options: { reason: string; since?: string; stop?: boolean },
): Promise<number> {
  const { reason } = options
  const since = instant(options.since, '--since')
  await using manager = await openManager(homeOf(settings))
  const revoked = await manager.trust.revoke({ target, reason, since, stop: options.stop === true })
  const code = revoked.failures.length === 0 ? 0 : 1
  if (settings.json) {
    io.stdout(`${JSON.stringify(revoked, null, 2)}\n`)
    return code
  }
  io.stdout(`revoked ${plain(revoked.id)}: ${plain(reason)}\n`)
  sayNotes(settings, io, revoked.notes)
  const { affected, quarantined, running, stopped, failures } = revoked
  if (!settings.quiet) {
    if (affected.length > 0) io.stderr(`these will not run any more: ${affected.join(', ')}\n`)
    if (quarantined.length > 0) io.stderr(`quarantined, with their data kept: ${quarantined.join(', ')}\n`)
    if (stopped.length > 0) io.stderr(`stopped ${stopped.length} of their runs\n`)
  }
  for (const [name, runs] of Map.groupBy(running, (one) => one.name)) {
    const many =
      runs.length === 1
        ? 'a run of it goes on until it ends, unless a host application loaded it'
        : `${runs.length} runs of it go on until they end, but for those that a host application loaded`
    io.stderr(`warning: ${name} is running: ${many}\n\nhint: plugins stop ${name}\n`)
  }
  for (const { message } of failures) io.stderr(`plugins: ${plain(message)}\n`)
  return code
}
