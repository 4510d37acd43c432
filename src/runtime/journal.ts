import { parseStrictJson } from '../core/json.ts'
import type { RunEvent } from '../core/run-event.ts'
import { Fields, ReportFault } from './fields.ts'

/** One line of a run's journal: what its host should learn while it goes on (SPEC.md, "The report"). */
export type JournalLine =
  | {
      readonly event: 'network'
      readonly atMs: number
      readonly verdict: 'allowed' | 'denied'
      readonly name: string
      readonly port: number
      readonly address: string | null
      readonly reason: string | null
      readonly count: number
    }
  | {
      readonly event: 'alert'
      readonly atMs: number
      readonly limit: 'memory' | 'cpu' | 'files'
      /** Of `max`, at the moment of the sample. */
      readonly percent: number
      readonly value: number
      readonly max: number
    }
  | {
      readonly event: 'denial'
      readonly atMs: number
      readonly call: string
      readonly path: string | null
      readonly answer: string
      readonly count: number
    }
  /** More happened than a journal holds. */
  | { readonly event: 'journal-full'; readonly atMs: number }
  /** The log or the minutes could not be written: the disk is full, or what lies at their place is not ours. */
  | { readonly event: 'unwritable'; readonly atMs: number; readonly file: 'log' | 'minutes' }

/** JOURNAL_LINE_MAX and JOURNAL_LINES_MAX of journal.h, and the line that says it is full. */
export const JOURNAL_LINE_BYTES_MAX = 1024
export const JOURNAL_LINES_MAX = 4096 + 1
export const JOURNAL_BYTES_MAX = JOURNAL_LINES_MAX * JOURNAL_LINE_BYTES_MAX

const EVENTS = ['network', 'alert', 'denial', 'journal-full', 'unwritable'] as const

export const isJournalEvent = (event: string): event is JournalLine['event'] =>
  (EVENTS as readonly string[]).includes(event)

/** @throws ReportFault */
export function journalLineOf(event: JournalLine['event'], line: Fields): JournalLine {
  const atMs = line.count('atMs')
  switch (event) {
    case 'network':
      return {
        event,
        atMs,
        verdict: line.oneOf('verdict', ['allowed', 'denied']),
        name: line.text('name'),
        port: line.count('port'),
        address: line.textOrNull('address'),
        reason: line.textOrNull('reason'),
        count: line.count('count'),
      }
    case 'alert':
      return {
        event,
        atMs,
        limit: line.oneOf('limit', ['memory', 'cpu', 'files']),
        percent: line.count('percent'),
        value: line.count('value'),
        max: line.count('max'),
      }
    case 'denial':
      return {
        event,
        atMs,
        call: line.text('call'),
        path: line.textOrNull('path'),
        answer: line.text('answer'),
        count: line.count('count'),
      }
    case 'journal-full':
      return { event, atMs }
    case 'unwritable':
      return { event, atMs, file: line.oneOf('file', ['log', 'minutes']) }
  }
}

export interface Journal {
  readonly lines: readonly JournalLine[]
  /** Lines that could not be read. The one without an end is none of them: its launcher was killed while it wrote. */
  readonly damaged: number
}

/** A journal as a run left it. What is wrong with one line takes nothing from the others: an outcome waits for them. */
export function readJournal(bytes: Buffer): Journal {
  const lines: JournalLine[] = []
  let damaged = 0
  let from = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; from = end + 1, end = bytes.indexOf(0x0a, from)) {
    if (lines.length + damaged === JOURNAL_LINES_MAX) return { lines, damaged: damaged + 1 }
    try {
      lines.push(parseJournalLine(bytes.subarray(from, end)))
    } catch (error) {
      if (!(error instanceof ReportFault)) throw error
      damaged++
    }
  }
  return { lines, damaged }
}

/** @throws ReportFault */
export function parseJournalLine(bytes: Uint8Array): JournalLine {
  const json = parseStrictJson(bytes, { maxBytes: JOURNAL_LINE_BYTES_MAX, maxDepth: 2 })
  if (!json.ok) throw new ReportFault(`has a line that ${json.reason}`)
  const line = new Fields(json.value, 'line')
  return journalLineOf(line.oneOf('event', EVENTS), line)
}

/** A plugin can ask for any number of names: beyond this many of one run, the audit trail keeps their count alone. */
export const EVENTS_OF_A_RUN_MAX = 256

/**
 * What of a journal goes into the audit trail: equal lines are one event with their count, so that a plugin which tries the
 * same thing ten thousand times leaves one line.
 */
export function eventsOf(run: string, { lines, damaged }: Journal): RunEvent[] {
  const kept = new Map<string, Kept>()
  const beyond = new Map<string, number>()
  let isFull = false
  let latestMs = 0
  for (const { event, atMs, ...details } of lines) {
    latestMs = Math.max(latestMs, atMs)
    if (event === 'journal-full') isFull = true
    else {
      const { count = 1, ...rest } = details as { count?: number }
      // An alert is about a moment: the same limit at another figure is the same event again.
      const key = JSON.stringify([event, event === 'alert' ? (rest as { limit?: string }).limit : rest])
      const same = kept.get(key)
      if (same !== undefined) addTo(same, rest as { percent?: number }, count)
      else if (kept.size < EVENTS_OF_A_RUN_MAX) kept.set(key, { atMs, kind: event, details: rest, count })
      else beyond.set(event, (beyond.get(event) ?? 0) + count)
    }
  }
  const events: RunEvent[] = [...kept.values()].map(({ atMs, kind, details, count }) => ({
    atMs,
    kind,
    details: { run, ...details, count },
  }))
  for (const [kind, others] of beyond) events.push({ atMs: latestMs, kind, details: { run, others } })
  if (isFull || damaged > 0) events.push({ atMs: latestMs, kind: 'journal', details: { run, full: isFull, damaged } })
  return events
}

interface Kept {
  readonly atMs: number
  readonly kind: string
  readonly details: Record<string, unknown>
  count: number
}

/** Of several alerts the highest figure is the one to know. */
function addTo(same: Kept, again: { readonly percent?: number }, count: number): void {
  same.count += count
  if (again.percent !== undefined && again.percent > Number(same.details.percent)) Object.assign(same.details, again)
}
