import { formatAuditHead, openManager, UsageError } from '../../index.ts'
import { eventText } from '../event-text.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { positive } from '../positive.ts'
import { table } from '../text.ts'

interface AuditOptions {
  readonly verify?: boolean
  /** `true`: the option stands there without a value. */
  readonly head?: true | string
  readonly syslog?: boolean
  readonly limit: string
}

export async function audit(settings: Settings, io: Io, subject: string | undefined, options: AuditOptions) {
  assertUsable(subject, options)
  if (options.verify === true) return verify(settings, io, options.head)
  if (options.head !== undefined) return head(settings, io, options.syslog === true)
  await using manager = await openManager(homeOf(settings))
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

/** The chain is of the whole trail: a subject beside it would read as if only its events were meant. */
function assertUsable(subject: string | undefined, { verify, head, syslog }: AuditOptions): void {
  const wrong =
    subject !== undefined && (verify === true || head !== undefined)
      ? '--verify and --head are about the whole trail, not about one subject'
      : verify === true && head === true
        ? '--verify --head needs the head to prove: COUNT:HASH'
        : verify !== true && typeof head === 'string'
          ? 'a head is given to prove it: --verify --head COUNT:HASH'
          : syslog === true && (verify === true || head === undefined)
            ? '--syslog sends a head: --head --syslog'
            : null
  if (wrong !== null) throw new UsageError('USAGE', `cannot look at the audit trail like this: ${wrong}`)
}

async function verify(settings: Settings, io: Io, kept: true | string | undefined): Promise<void> {
  await using manager = await openManager(homeOf(settings))
  const { count, head } = manager.verifyAudit(typeof kept === 'string' ? kept : undefined)
  if (settings.json) return io.stdout(`${JSON.stringify({ count, head })}\n`)
  const proven = typeof kept === 'string' ? `it still holds ${kept}\n` : ''
  io.stdout(`${count} events, none changed, removed or reordered\n${proven}head ${head}\n`)
}

async function head(settings: Settings, io: Io, toSyslog: boolean): Promise<void> {
  await using manager = await openManager(homeOf(settings))
  const found = toSyslog ? await manager.sendAuditHead() : manager.verifyAudit()
  io.stdout(settings.json ? `${JSON.stringify(found)}\n` : `${formatAuditHead(found)}\n`)
}
