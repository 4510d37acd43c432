import type { LimitName } from './limits.ts'
import { formatDuration, formatSize } from './quantity.ts'

/** A limit as people read it, such as `memory 128M`; `null` for one that is not set. */
export function formatLimit(name: LimitName, value: number): string | null {
  return value === 0 ? null : formatLimitValue(name, value).join(' ')
}

/** What it limits, and to what: `memory`, `128M`. 0 is no limit, and of /data no folder. */
export function formatLimitValue(name: LimitName, value: number): readonly [what: string, value: string] {
  const [what, unit] = READ[name]
  if (value === 0) return [what, name === 'dataBytes' ? 'none' : 'unlimited']
  if (unit === 'count') return [what, `${value}`]
  return [what, unit === 'time' ? formatDuration(value) : `${formatSize(value)}${unit === 'rate' ? '/s' : ''}`]
}

const READ: Readonly<Record<LimitName, readonly [what: string, unit: 'size' | 'rate' | 'time' | 'count']>> = {
  memoryBytes: ['memory', 'size'],
  cpu: ['cpu', 'count'],
  processesMax: ['processes', 'count'],
  filesMax: ['open files', 'count'],
  tmpBytes: ['/tmp', 'size'],
  dataBytes: ['/data', 'size'],
  fileSizeBytes: ['a file', 'size'],
  ioBytesPerSecond: ['disk', 'rate'],
  outputBytes: ['output', 'size'],
  timeoutMs: ['time', 'time'],
  idleMs: ['idle', 'time'],
  connectionsMax: ['connections', 'count'],
  networkBytes: ['network', 'size'],
}

/** Those that are set, in the order they are declared. */
export function formatLimits(limits: Readonly<Record<LimitName, number>>): string {
  return (Object.entries(limits) as [LimitName, number][])
    .map(([name, value]) => formatLimit(name, value))
    .filter((text) => text !== null)
    .join(', ')
}

/**
 * A limit as a manifest spells it, with its name, such as `memory:512M`: at least so much, where its unit cannot say it
 * exactly. `null` for one that is not set, or that no manifest could ask for.
 */
export function formatLimitWord(name: LimitName, value: number): string | null {
  if (value <= 0) return null
  const [word, unit] = SPELLED[name]
  if (unit === 'count') return `${word}:${value}`
  const text = unit === 'size' ? exactSize(value) : exactDuration(value)
  return text === null ? null : `${word}:${text}`
}

const SPELLED: Readonly<Record<LimitName, readonly [word: string, unit: 'size' | 'time' | 'count']>> = {
  memoryBytes: ['memory', 'size'],
  cpu: ['cpu', 'count'],
  processesMax: ['processes', 'count'],
  filesMax: ['files', 'count'],
  tmpBytes: ['tmp', 'size'],
  dataBytes: ['data', 'size'],
  fileSizeBytes: ['fileSize', 'size'],
  ioBytesPerSecond: ['io', 'size'],
  outputBytes: ['output', 'size'],
  timeoutMs: ['timeout', 'time'],
  idleMs: ['idle', 'time'],
  connectionsMax: ['connections', 'count'],
  networkBytes: ['network', 'size'],
}

const UNITS = {
  size: [
    ['G', 2 ** 30],
    ['M', 2 ** 20],
    ['K', 2 ** 10],
  ],
  time: [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ],
} as const

const exactSize = (bytes: number): string | null => spelled(bytes, UNITS.size, 999_999)
const exactDuration = (ms: number): string | null => spelled(ms, UNITS.time, 9_999_999)

/** In the largest unit that divides it; if none does, the smallest, rounded up. */
function spelled(value: number, units: readonly (readonly [string, number])[], most: number): string | null {
  const exact = units.find(([, size]) => value % size === 0 && value / size <= most)
  const [unit, size] = exact ?? units.at(-1) ?? ['', 1]
  const count = Math.ceil(value / size)
  return count <= most ? `${count}${unit}` : null
}
