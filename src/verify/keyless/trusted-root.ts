import { type Sha256, sha256 } from '../../core/digest.ts'
import { VerificationError } from '../../core/errors.ts'
import type { SchemaFault } from '../../core/faults.ts'
import { parseStrictJson } from '../../core/json.ts'
import { printable } from '../../core/printable.ts'
import { FAULTS_KEPT, Reader, sentenceOf } from '../reader.ts'
import { readAuthorities, readLogs, type TrustedAuthority, type TrustedLog } from './root-parts.ts'

/** A Sigstore trusted root: the authorities and logs of one Sigstore instance. */
export interface TrustedRoot {
  readonly name: string
  readonly digest: Sha256
  readonly bytes: Buffer
  /** The strictly parsed document, for the Sigstore library alone. */
  readonly json: unknown
  readonly logs: readonly TrustedLog[]
  readonly certificateLogs: readonly TrustedLog[]
  readonly certificateAuthorities: readonly TrustedAuthority[]
  readonly timestampAuthorities: readonly TrustedAuthority[]
}

export const ROOT_MAX_BYTES = 2 ** 20

const MEDIA_TYPES: readonly unknown[] = [
  'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  'application/vnd.dev.sigstore.trustedroot+json;version=0.2',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
]

/**
 * What is read here is believed from then on, so every key, certificate and period is looked at, and what is weak or
 * without a beginning is refused as a whole.
 * @throws VerificationError `ROOT_INVALID`
 */
export function parseTrustedRoot(bytes: Uint8Array, name: string): TrustedRoot {
  const copy = Buffer.from(bytes)
  const json = parseStrictJson(copy, { maxBytes: ROOT_MAX_BYTES, maxDepth: 16, maxStructure: 2 ** 17 })
  if (!json.ok) throw invalid(name, [{ path: '', message: json.reason }])
  const reader = new Reader()
  const root = reader.object(json.value, '', [
    'mediaType',
    'tlogs',
    'certificateAuthorities',
    'ctlogs',
    'timestampAuthorities',
  ])
  if (root === null) throw invalid(name, reader.faults)
  if (!MEDIA_TYPES.includes(root.mediaType)) reader.literal(root.mediaType, 'mediaType', String(MEDIA_TYPES[0]))
  const parts = {
    logs: readLogs(reader, root.tlogs, 'tlogs'),
    certificateLogs: readLogs(reader, root.ctlogs, 'ctlogs'),
    certificateAuthorities: readAuthorities(reader, root.certificateAuthorities, 'certificateAuthorities'),
    timestampAuthorities: readAuthorities(reader, root.timestampAuthorities, 'timestampAuthorities'),
  }
  checkUse(reader, parts)
  if (reader.faults.length > 0) throw invalid(name, reader.faults)
  return { name, digest: sha256(copy), bytes: copy, json: json.value, ...parts }
}

/** Keyless signing needs a certificate authority, a certificate log and a signature log; times beside a key need a clock. */
function checkUse(
  reader: Reader,
  parts: Pick<TrustedRoot, 'logs' | 'certificateLogs' | 'certificateAuthorities' | 'timestampAuthorities'>,
): void {
  const lists = [parts.certificateAuthorities, parts.certificateLogs, parts.logs]
  const isWhole = lists.every((list) => list.length > 0)
  const isClockOnly = lists.every((list) => list.length === 0) && parts.timestampAuthorities.length > 0
  if (isWhole || isClockOnly || reader.faults.length > 0) return
  reader.fault(
    '',
    'must name at least one of each of certificateAuthorities, ctlogs and tlogs, or timestampAuthorities alone',
  )
}

function invalid(name: string, faults: readonly SchemaFault[]): VerificationError {
  return new VerificationError(
    'ROOT_INVALID',
    `cannot use the trusted root ${printable(name, 80)}: ${sentenceOf(faults)}`,
    {
      hint: 'fetch the trusted_root.json of that Sigstore instance again; each part of it needs a period with a start',
      details: { faults: faults.slice(0, FAULTS_KEPT) },
    },
  )
}
