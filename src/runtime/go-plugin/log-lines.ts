import type { Readable } from 'node:stream'
import { readAtPace } from '../pace.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type PluginLogLevel = (typeof LOG_LEVELS)[number]

/** A line that a plugin wrote to its standard error. All of it is the plugin's own word. */
export interface PluginLogEntry {
  readonly level: PluginLogLevel
  readonly message: string
  /** As the plugin wrote it (RFC 3339); `null` when it said no time. */
  readonly time: string | null
  /** Everything else of a JSON line; empty for others. */
  readonly fields: Readonly<Record<string, unknown>>
  /** A line longer than 64 KiB goes on in this one. */
  readonly continues: boolean
}

export const LOG_LINE_MAX_BYTES = 64 * 1024
const PREFIX = /^\[(TRACE|DEBUG|INFO|WARN|ERROR)\]\s*/
/** What Go writes when it gives up; all that follows belongs to it. */
const PANIC = /^(?:panic: |fatal error: )/

/** Reads hclog's JSON lines, lines with a level in brackets, and anything else; keeps what a panic began. */
export class LogReader {
  #isPanic = false

  read(line: string, continues: boolean): PluginLogEntry {
    if (continues) return entry(this.#isPanic ? 'error' : 'debug', line, true)
    if (PANIC.test(line)) this.#isPanic = true
    if (this.#isPanic) return entry('error', line)
    const parsed = line.startsWith('{') ? parseJsonLine(line) : null
    if (parsed !== null) return parsed
    const [prefix, level] = PREFIX.exec(line) ?? []
    if (prefix === undefined) return entry('debug', line)
    return entry((level ?? '').toLowerCase() as PluginLogLevel, line.slice(prefix.length))
  }
}

function entry(level: PluginLogLevel, message: string, continues = false): PluginLogEntry {
  return { level, message, time: null, fields: {}, continues }
}

function parseJsonLine(line: string): PluginLogEntry | null {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return null // It only looked like one: it is told as text.
  }
  if (typeof json !== 'object' || json === null) return null
  const { '@level': level, '@message': message, '@timestamp': time, ...fields } = json as Record<string, unknown>
  if (typeof message !== 'string') return null
  const known = LOG_LEVELS.find((one) => one === level)
  return {
    level: known ?? 'debug',
    message,
    time: typeof time === 'string' ? time : null,
    fields,
    continues: false,
  }
}

/** Each is parsed and told, which is what a line costs: 10,000 of them a second, and 40,000 at once. */
const LINES_PER_READ = 10

/**
 * Reads a stream to its end and gives each line; one that is too long in pieces. Keeps no more than one line, and reads no faster than a
 * host can bear beside its work.
 */
export function followLines(stream: Readable, onLine: (line: string, continues: boolean) => void): void {
  let kept: Buffer = Buffer.alloc(0)
  let continues = false
  let lines = 0
  const give = (line: Buffer, goesOn: boolean): void => {
    lines++
    onLine(line.toString('utf8').replace(/\r$/, ''), continues)
    continues = goesOn
  }
  const cut = (): void => {
    for (; kept.length > LOG_LINE_MAX_BYTES; kept = kept.subarray(LOG_LINE_MAX_BYTES)) {
      give(kept.subarray(0, LOG_LINE_MAX_BYTES), true)
    }
  }
  readAtPace(stream, (chunk) => {
    let from = 0
    lines = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      kept = Buffer.concat([kept, chunk.subarray(from, end)])
      cut()
      give(kept, false)
      kept = Buffer.alloc(0)
      from = end + 1
    }
    kept = Buffer.concat([kept, chunk.subarray(from)])
    cut()
    return Math.floor(lines / LINES_PER_READ)
  })
  stream.once('close', () => {
    if (kept.length > 0) give(kept, false)
  })
  stream.once('error', () => stream.destroy())
}
