import { parseStrictJson } from '../core/json.ts'
import { ENDING_LIMITS, type EndingLimit, type Outcome, type Usage } from '../core/outcome.ts'
import { Fields, ReportFault } from './fields.ts'
import { isJournalEvent, JOURNAL_BYTES_MAX, type JournalLine, journalLineOf } from './journal.ts'

/** One line of the launcher's report. */
export type ReportLine =
  /** A held run has everything that it needs, and nothing of the plugin runs yet. */
  | { readonly event: 'held' }
  | { readonly event: 'started'; readonly pid: number; readonly startedAtMs: number; readonly landlockAbi: number }
  | { readonly event: 'ended'; readonly outcome: Outcome }

/** A report is two lines; beyond this it is not one of ours. On fd 4 there are those of the journal in between. */
export const LINE_BYTES_MAX = 64 * 1024
export const REPORT_BYTES_MAX = 256 * 1024

/** Lines as they arrive. The bound holds before a line is whole: what never ends must not fill memory. */
export class ReportReader {
  readonly #onLine: (line: ReportLine | JournalLine) => void
  readonly #maxBytes: number
  #rest: Buffer = Buffer.alloc(0)
  #total = 0

  constructor(onLine: (line: ReportLine | JournalLine) => void, maxBytes = REPORT_BYTES_MAX + JOURNAL_BYTES_MAX) {
    this.#onLine = onLine
    this.#maxBytes = maxBytes
  }

  /** @throws ReportFault */
  push(chunk: Buffer): void {
    this.#total += chunk.length
    if (this.#total > this.#maxBytes) throw new ReportFault(`is longer than ${this.#maxBytes} bytes`)
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (let end = this.#rest.indexOf(0x0a); end >= 0; end = this.#rest.indexOf(0x0a)) {
      const line = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end + 1)
      this.#onLine(parseReportLine(line))
    }
    if (this.#rest.length > LINE_BYTES_MAX) throw new ReportFault(`has a line beyond ${LINE_BYTES_MAX} bytes`)
  }
}

/** A whole report, as a hand-over leaves it. `null`: it has no end. @throws ReportFault */
export function parseReport(bytes: Buffer): { started: ReportLine | null; outcome: Outcome } | null {
  let started: ReportLine | null = null
  let outcome: Outcome | null = null
  const reader = new ReportReader((line) => {
    if (outcome !== null) throw new ReportFault('goes on after its end')
    if (line.event === 'ended') outcome = line.outcome
    else if (line.event === 'started') started = line
    else throw new ReportFault(`has a line for a host alone, "${line.event}"`)
  }, REPORT_BYTES_MAX)
  reader.push(bytes)
  return outcome === null ? null : { started, outcome }
}

/** @throws ReportFault */
export function parseReportLine(bytes: Uint8Array): ReportLine | JournalLine {
  const json = parseStrictJson(bytes, { maxBytes: LINE_BYTES_MAX, maxDepth: 4 })
  if (!json.ok) throw new ReportFault(`has a line that ${json.reason}`)
  const line = new Fields(json.value, 'line')
  const event = line.text('event')
  if (isJournalEvent(event)) return journalLineOf(event, line)
  switch (event) {
    case 'held':
      return { event }
    case 'started':
      return {
        event: 'started',
        pid: line.count('pid'),
        startedAtMs: line.count('startedAtMs'),
        landlockAbi: line.count('landlockAbi'),
      }
    case 'ended':
      return { event: 'ended', outcome: outcomeOf(line) }
    default:
      throw new ReportFault(`has a line of an unknown kind, "${event.slice(0, 40)}"`)
  }
}

function outcomeOf(line: Fields): Outcome {
  const rest = { limitsMet: line.texts('limitsMet'), weaker: line.texts('weaker'), usage: usageOf(line.inner('usage')) }
  const kind = line.text('outcome')
  switch (kind) {
    case 'exited':
      return { outcome: kind, code: line.count('code'), signal: null, limit: null, reason: null, error: null, ...rest }
    case 'signalled':
      return { outcome: kind, code: null, signal: line.text('signal'), limit: null, reason: null, error: null, ...rest }
    case 'limited':
      return {
        outcome: kind,
        code: null,
        signal: line.textOrNull('signal'),
        limit: limitOf(line.text('limit')),
        reason: line.textOrNull('reason') ?? `the ${line.text('limit')} limit was reached`,
        error: null,
        ...rest,
      }
    case 'refused': {
      const [error, reason] = [line.text('error'), line.text('reason')]
      return { outcome: kind, code: null, signal: null, limit: null, reason, error, ...rest }
    }
    default:
      throw new ReportFault(`tells of an unknown outcome, "${kind.slice(0, 40)}"`)
  }
}

function limitOf(text: string): EndingLimit {
  const limit = ENDING_LIMITS.find((one) => one === text)
  if (limit === undefined) throw new ReportFault(`tells of an unknown limit, "${text.slice(0, 40)}"`)
  return limit
}

function usageOf(usage: Fields): Usage {
  return {
    // A refused run has none.
    wallMs: usage.countOrNull('wallMs') ?? 0,
    cpuMs: usage.countOrNull('cpuMs'),
    memoryPeakBytes: usage.countOrNull('memoryPeakBytes'),
    processesPeak: usage.countOrNull('processesPeak'),
    ioReadBytes: usage.countOrNull('ioReadBytes'),
    ioWriteBytes: usage.countOrNull('ioWriteBytes'),
    outputBytes: usage.countOrNull('outputBytes'),
    tmpBytes: usage.countOrNull('tmpBytes'),
    dataBytes: usage.countOrNull('dataBytes'),
    filesPeak: usage.countOrNull('filesPeak'),
    networkBytes: usage.countOrNull('networkBytes'),
  }
}
