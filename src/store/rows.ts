import { isPermissions } from '../core/agreement.ts'
import type { Sha256 } from '../core/digest.ts'
import type { Installation, InstallationState } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { isListOf, isRecordOf, isText } from '../core/shape.ts'
import { keptJson } from './kept-json.ts'

/** An `installations` row joined with its plugin and release. */
export interface InstallationRow {
  readonly id: number
  readonly name: string
  readonly version: string
  readonly state: string
  readonly sha256: string
  readonly manifest_sha256: string
  readonly files_sha256: string | null
  readonly unsigned_until_ms: number | null
  readonly uid: number | null
  readonly signers: string
  readonly consent: string
  readonly seal: Buffer | null
  readonly holder: string
  readonly purging: number
  readonly installed_at_ms: number
  readonly source: string | null
  readonly asked: string | null
  readonly requires: string
}

/** Everything but the seal: a list of a thousand plugins must not read a thousand of them. */
export const SELECT_INSTALLATION = `
  SELECT i.id, p.name, r.version, i.state, r.sha256, r.manifest_sha256, r.files_sha256, i.unsigned_until_ms, p.uid, r.signers, i.consent, i.holder,
         i.purging, i.installed_at_ms, i.source, i.asked, i.requires, NULL AS seal
  FROM installations i JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id`

export const SELECT_SEALED_INSTALLATION = SELECT_INSTALLATION.replace('NULL AS seal', 'i.seal')

const isTexts = isListOf(isText) as (value: unknown) => value is readonly string[]
const isRequires = isRecordOf(isText) as (value: unknown) => value is Installation['requires']

/** @throws StoreError `STORE_UNREADABLE` naming the row and the column */
export function installationOf(row: InstallationRow): Installation {
  const kept = <T>(column: 'signers' | 'consent' | 'requires', is: (value: unknown) => value is T): T =>
    keptJson(row[column], is, 'the store', `${column} of ${row.name} ${row.version}, installation ${row.id},`)
  if (row.uid === null) throw new TypeError(`installation ${row.id} of ${row.name} has no user id`)
  return {
    id: row.id,
    name: row.name as PluginName,
    version: row.version,
    state: row.state as InstallationState,
    digest: row.sha256 as Sha256,
    manifestDigest: row.manifest_sha256 as Sha256,
    filesDigest: row.files_sha256 as Sha256 | null,
    unsignedUntilMs: row.unsigned_until_ms,
    uid: row.uid,
    signers: kept('signers', isTexts),
    consent: kept('consent', isPermissions),
    seal: row.seal,
    holder: row.holder,
    isPurging: row.purging === 1,
    installedAtMs: row.installed_at_ms,
    source: row.source,
    asked: row.asked,
    requires: kept('requires', isRequires),
  }
}
