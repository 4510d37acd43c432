import type { Setting } from './manifest.ts'

export type SettingValue = string | number | boolean
export type Settings = Readonly<Record<string, SettingValue>>

export type SettingsReading =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Text of one setting: a key, a certificate, not a document. */
const TEXT_MAX = 16_384

/** What a plugin is told: what was given, held to the schema of its manifest, and the defaults. Lists every fault at once. */
export function readSettings(
  schema: Readonly<Record<string, Setting>>,
  given: Readonly<Record<string, unknown>>,
): SettingsReading {
  const faults: string[] = []
  const settings: Record<string, SettingValue> = {}
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(schema, name)) faults.push(`${name}: the manifest has no such setting`)
  }
  for (const [name, setting] of Object.entries(schema)) {
    const value = Object.hasOwn(given, name) ? given[name] : setting.default
    if (value === undefined) {
      if (setting.required === true) faults.push(`${name}: it is required`)
      continue
    }
    const fault = faultOf(setting, value)
    if (fault === null) settings[name] = value as SettingValue
    else faults.push(`${name}: ${fault}`)
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, settings }
}

/** Never with the value in it: it may be a secret. */
function faultOf({ type, enum: allowed }: Setting, value: unknown): string | null {
  if (!isOf(type, value)) return `expected ${type === 'integer' ? 'a whole number' : `a ${type}`}`
  if (typeof value === 'string' && value.length > TEXT_MAX) return `is longer than ${TEXT_MAX} characters`
  if (allowed !== undefined && !allowed.includes(value as string | number))
    return `expected one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}`
  return null
}

function isOf(type: Setting['type'], value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'number':
      return Number.isFinite(value)
    case 'integer':
      return Number.isSafeInteger(value)
  }
}
