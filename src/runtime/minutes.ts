import { parseStrictJson } from '../core/json.ts'
import type { Figure, Minute } from '../core/minute.ts'
import { Fields, ReportFault } from './fields.ts'

/** Lines that a file of minutes has before it is set aside; with the one set aside before it, that is a day (SPEC.md). */
export const MINUTES_OF_A_FILE = 720
export const MINUTE_BYTES_MAX = 1024
export const MINUTES_BYTES_MAX = MINUTES_OF_A_FILE * MINUTE_BYTES_MAX

/** The minutes of a run, as its launcher left them or is writing them. A line that cannot be read is left out. */
export function readMinutes(bytes: Buffer): Minute[] {
  const minutes: Minute[] = []
  let from = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; from = end + 1, end = bytes.indexOf(0x0a, from)) {
    if (minutes.length === MINUTES_OF_A_FILE) break
    try {
      minutes.push(parseMinute(bytes.subarray(from, end)))
    } catch (error) {
      // Figures are for people; the outcome that is taken up with them must not wait for a damaged line.
      if (!(error instanceof ReportFault)) throw error
    }
  }
  return minutes
}

/** @throws ReportFault */
export function parseMinute(bytes: Uint8Array): Minute {
  const json = parseStrictJson(bytes, { maxBytes: MINUTE_BYTES_MAX, maxDepth: 3 })
  if (!json.ok) throw new ReportFault(`has a line that ${json.reason}`)
  const line = new Fields(json.value, 'line')
  line.oneOf('event', ['minute'])
  return {
    atMs: line.count('atMs'),
    ms: line.count('ms'),
    samples: line.count('samples'),
    cpuPermille: figureOf(line.innerOrNull('cpuPermille')),
    memoryBytes: figureOf(line.innerOrNull('memoryBytes')),
    processes: figureOf(line.innerOrNull('processes')),
    filesPeak: line.countOrNull('filesPeak'),
    ioReadBytes: line.countOrNull('ioReadBytes'),
    ioWriteBytes: line.countOrNull('ioWriteBytes'),
    outputBytes: line.count('outputBytes'),
    networkBytes: line.countOrNull('networkBytes'),
  }
}

const figureOf = (fields: Fields | null): Figure | null =>
  fields === null ? null : { average: fields.count('average'), peak: fields.count('peak') }
