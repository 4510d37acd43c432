import { openManager } from '../../index.ts'
import { eventText } from '../event-text.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { positive } from '../positive.ts'
import { table } from '../text.ts'

export async function audit(
  settings: Settings,
  io: Io,
  subject: string | undefined,
  options: { verify?: boolean; limit: string },
) {
  await using manager = await openManager(settings)
  if (options.verify === true) {
    const { count, head } = manager.verifyAudit()
    io.stdout(
      settings.json
        ? `${JSON.stringify({ count, head })}\n`
        : `${count} events, none changed, removed or reordered\nhead ${head}\n`,
    )
    return
  }
  const events = manager.audit(subject ?? null, positive(options.limit, '--limit'))
  if (settings.json) return void io.stdout(`${JSON.stringify(events, null, 2)}\n`)
  io.stdout(
    table(
      ['TIME', 'EVENT', 'SUBJECT', 'DETAILS'],
      events.map((event) => [
        new Date(event.atMs).toISOString().replace('T', ' ').slice(0, 19),
        event.kind,
        event.subject,
        eventText(event),
      ]),
      io.columns,
    ),
  )
}
