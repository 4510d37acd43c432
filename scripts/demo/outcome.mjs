import { readFileSync } from 'node:fs'

/** The outcome that `plugins run --report FILE` wrote. */
export const readOutcome = (file) => JSON.parse(readFileSync(file, 'utf8'))

export const inBytes = (bytes) => {
  const [size, unit] = bytes < 2 ** 20 ? [bytes / 2 ** 10, 'KiB'] : [bytes / 2 ** 20, 'MiB']
  return `${size.toFixed(1)} ${unit}`
}

/** One line of what a person wants to know. */
export function describe({ outcome, limit, code, signal, usage }) {
  const how =
    { exited: `exited ${code}`, signalled: `signalled ${signal}`, limited: `limited: ${limit}` }[outcome] ?? outcome
  const memory = usage.memoryPeakBytes === null ? [] : [`memory peak ${inBytes(usage.memoryPeakBytes)}`]
  return [how, `wall ${usage.wallMs} ms`, ...memory].join(', ')
}
