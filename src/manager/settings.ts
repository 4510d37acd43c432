import type { SettingSource } from '../core/config.ts'
import { UsageError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import { readSettings, type Settings } from '../core/settings.ts'
import { readSafeFile } from '../verify/index.ts'
import type { Host } from './host.ts'

const FILE_MAX_BYTES = 16_384

/**
 * What a plugin is told, as JSON, or `null` when its manifest has no `config`. The operator's word comes before the host
 * application's, and both before the manifest's default.
 *
 * @throws UsageError `SETTING_INVALID`, listing every fault; never with a value in it
 */
export function settingsFor(host: Host, { name, config }: Manifest, given: Settings = {}): string | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new UsageError('SETTING_INVALID', `cannot run ${name} with these settings: expected an object`, {
      hint: `plugins info ${name} shows what it takes`,
    })
  const operator = host.config.plugins[name]?.settings ?? {}
  const asked = {
    // What is not said is no value: the manifest's default stands.
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...Object.fromEntries(Object.entries(operator).map((one) => settingOf(host, name, ...one))),
  }
  if (Object.keys(config).length === 0 && Object.keys(asked).length === 0) return null
  const reading = readSettings(config, asked)
  if (reading.ok) return JSON.stringify(reading.settings)
  throw new UsageError('SETTING_INVALID', `cannot run ${name} with these settings: ${reading.faults.join('; ')}`, {
    hint: `plugins info ${name} shows what it takes`,
    details: { faults: reading.faults },
  })
}

/** Read at each start, so that a key that was replaced is the next start's. */
function settingOf(host: Host, name: string, key: string, source: SettingSource): [string, unknown] {
  if (typeof source !== 'object') return [key, source]
  const bytes = readSafeFile(source.file, host.caller.uid, FILE_MAX_BYTES, 'SETTING_INVALID')
  if (bytes !== null) return [key, bytes.toString('utf8').replace(/\r?\n$/, '')]
  throw new UsageError('SETTING_INVALID', `cannot run ${name}: the file of its setting ${key} is not there`, {
    details: { file: source.file },
  })
}
