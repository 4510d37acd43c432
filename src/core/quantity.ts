const UNIT_BYTES = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

export const SIZE = /^([1-9]\d{0,5})(K|M|G)$/
export const DURATION = /^([1-9]\d{0,6})(ms|s|m|h)$/

/** `"128M"` to bytes; binary units, as cgroups and every container tool read them. `undefined` when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text)
  return match ? Number(match[1]) * UNIT_BYTES[match[2] as keyof typeof UNIT_BYTES] : undefined
}

/** `"300s"` to milliseconds. `undefined` when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : undefined
}

const DAY_MS = 86_400_000

/** The same, or whole days, such as `7d`: for what lasts. `undefined` when it is neither. */
export function parseLongDuration(text: string): number | undefined {
  const days = /^([1-9]\d{0,4})d$/.exec(text)?.[1]
  return days === undefined ? parseDuration(text) : Number(days) * DAY_MS
}

/** In its two largest units, such as `6d 23h`; never rounded up. */
export function formatLongDuration(ms: number): string {
  const left = Math.max(0, ms)
  const [days, hours, minutes, seconds] = [
    Math.floor(left / DAY_MS),
    Math.floor(left / UNIT_MS.h) % 24,
    Math.floor(left / UNIT_MS.m) % 60,
    Math.floor(left / UNIT_MS.s) % 60,
  ]
  const pair = (large: string, small: number, unit: string) => (small === 0 ? large : `${large} ${small}${unit}`)
  if (days > 0) return pair(`${days}d`, hours, 'h')
  if (hours > 0) return pair(`${hours}h`, minutes, 'm')
  return minutes > 0 ? pair(`${minutes}m`, seconds, 's') : `${seconds}s`
}

export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['G', UNIT_BYTES.G],
    ['M', UNIT_BYTES.M],
    ['K', UNIT_BYTES.K],
  ] as const) {
    if (bytes >= size) return `${trim(bytes / size)}${unit}`
  }
  return `${bytes}`
}

export function formatDuration(ms: number): string {
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms >= 1_000 ? `${trim(ms / 1_000)}s` : `${ms}ms`
}

const trim = (value: number): string => String(Math.round(value * 10) / 10)

/** The same size in the largest unit that divides it, as `parseSize` reads it; what no manifest can say is no size. */
export function spellSize(bytes: number): string | undefined {
  const unit = (['G', 'M', 'K'] as const).find((one) => bytes % UNIT_BYTES[one] === 0)
  const text = unit === undefined ? '' : `${bytes / UNIT_BYTES[unit]}${unit}`
  return parseSize(text) === bytes ? text : undefined
}

/** The same for a duration. */
export function spellDuration(ms: number): string | undefined {
  const unit = (['h', 'm', 's', 'ms'] as const).find((one) => ms % UNIT_MS[one] === 0)
  const text = unit === undefined ? '' : `${ms / UNIT_MS[unit]}${unit}`
  return parseDuration(text) === ms ? text : undefined
}
