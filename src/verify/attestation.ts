import { isSha256, isSha512, type Sha256, type Sha512 } from '../core/digest.ts'
import { isPluginName, type PluginName, SEMVER } from '../core/name.ts'
import {
  COUNTERSIGNATURE_TYPE,
  OWN_PREDICATES,
  PREDICATE_TYPE,
  type ReleaseStatement,
  STATEMENT_TYPE,
} from '../core/statement.ts'
import { type Countersignature, countersignatureOf } from './countersignature.ts'
import { Reader } from './reader.ts'
import { invalidStatement, parsePayload, statementOf } from './statement.ts'

/** in-toto Attestation Framework v0.1, which npm and cosign still write; only in statements of other tools. */
const OLD_STATEMENT_TYPE = 'https://in-toto.io/Statement/v0.1'
const SUBJECTS_MAX = 1024

/** A file that a statement of another tool is about. It may say less of it than ours do, and never more. */
export interface ForeignSubject {
  /** Of an npm package URL; other tools name a file, which says nothing of what is in it. */
  readonly release: { readonly name: PluginName; readonly version: string } | 'unnamed' | 'no plugin'
  readonly sha256: Sha256 | null
  readonly sha512: Sha512 | null
}

/** A statement of another tool over our tarball: who and where, nothing of the files. */
export interface ForeignStatement {
  readonly predicateType: string
  readonly subjects: readonly ForeignSubject[]
}

/** What was signed, by what it is for. */
export type Attestation =
  | { readonly kind: 'release'; readonly statement: ReleaseStatement }
  | { readonly kind: 'countersignature'; readonly statement: Countersignature }
  | { readonly kind: 'foreign'; readonly statement: ForeignStatement }

/**
 * Call it only with a payload whose signature was checked.
 * @throws VerificationError `STATEMENT_INVALID`, with every fault in its details.
 */
export function parseAttestation(payloadType: string, payload: Uint8Array): Attestation {
  const json = parsePayload(payloadType, payload)
  const type = typeof json === 'object' && json !== null && 'predicateType' in json ? json.predicateType : undefined
  if (type === COUNTERSIGNATURE_TYPE) return { kind: 'countersignature', statement: countersignatureOf(json) }
  // What is ours and not a release, or has no type at all, is refused by the reader of releases, in its words.
  const isForeign = typeof type === 'string' && type !== PREDICATE_TYPE && !type.startsWith(OWN_PREDICATES)
  if (!isForeign) return { kind: 'release', statement: statementOf(json) }
  const reader = new Reader()
  const statement = readForeign(reader, json, type)
  if (statement === null || reader.faults.length > 0) throw invalidStatement(reader.faults)
  return { kind: 'foreign', statement }
}

function readForeign(reader: Reader, json: unknown, predicateType: string): ForeignStatement | null {
  const statement = reader.object(json, '')
  if (statement === null) return null
  if (statement._type !== OLD_STATEMENT_TYPE) reader.literal(statement._type, '_type', STATEMENT_TYPE)
  const list = reader.array(statement.subject, 'subject', SUBJECTS_MAX)
  if (list === null) return null
  const subjects = list.map((item, index) => readForeignSubject(reader, item, `subject[${index}]`))
  return { predicateType, subjects: subjects.filter((subject) => subject !== null) }
}

/** Digests that nobody here can compute are left alone: a subject counts by sha256 or sha512, or not at all. */
function readForeignSubject(reader: Reader, item: unknown, at: string): ForeignSubject | null {
  const subject = reader.object(item, at)
  if (subject === null) return null
  const name = subject.name === undefined ? '' : reader.string(subject.name, `${at}.name`)
  const digest = reader.object(subject.digest, `${at}.digest`)
  if (digest === null || name === null) return null
  const { sha256, sha512 } = digest
  if (sha256 !== undefined && !(typeof sha256 === 'string' && isSha256(sha256))) {
    return reader.fault(`${at}.digest.sha256`, 'must be 64 lower-case hexadecimal digits')
  }
  if (sha512 !== undefined && !(typeof sha512 === 'string' && isSha512(sha512))) {
    return reader.fault(`${at}.digest.sha512`, 'must be 128 lower-case hexadecimal digits')
  }
  return { release: releaseOf(name), sha256: sha256 ?? null, sha512: sha512 ?? null }
}

/** Package URL specification, type npm: the scope's `@` is written `%40`. */
const NPM = /^pkg:npm\/(?:%40|@)([^/@?#]+)\/([^/@?#]+)@([^?#]+)$/

function releaseOf(name: string): ForeignSubject['release'] {
  if (!name.startsWith('pkg:')) return 'unnamed'
  const [, scope = '', base = '', version = ''] = NPM.exec(name) ?? []
  const plugin = `${scope}/${base}`
  return isPluginName(plugin) && SEMVER.test(version) ? { name: plugin, version } : 'no plugin'
}
