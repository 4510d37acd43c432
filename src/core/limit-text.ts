import type { LimitName } from './limits.ts'
import { formatDuration, formatSize } from './quantity.ts'

/** A limit as people read it, such as `memory 128M`; `null` for one that is not set. */
export function formatLimit(name: LimitName, value: number): string | null {
  if (value === 0) return null
  switch (name) {
    case 'memoryBytes':
      return `memory ${formatSize(value)}`
    case 'cpu':
      return `cpu ${value}`
    case 'processesMax':
      return `processes ${value}`
    case 'filesMax':
      return `open files ${value}`
    case 'tmpBytes':
      return `/tmp ${formatSize(value)}`
    case 'dataBytes':
      return `/data ${formatSize(value)}`
    case 'fileSizeBytes':
      return `a file ${formatSize(value)}`
    case 'ioBytesPerSecond':
      return `disk ${formatSize(value)}/s`
    case 'outputBytes':
      return `output ${formatSize(value)}`
    case 'timeoutMs':
      return `time ${formatDuration(value)}`
    case 'idleMs':
      return `idle ${formatDuration(value)}`
    case 'connectionsMax':
      return `connections ${value}`
    case 'networkBytes':
      return `network ${formatSize(value)}`
  }
}

/** Those that are set, in the order they are declared. */
export function formatLimits(limits: Readonly<Record<LimitName, number>>): string {
  return (Object.entries(limits) as [LimitName, number][])
    .map(([name, value]) => formatLimit(name, value))
    .filter((text) => text !== null)
    .join(', ')
}
