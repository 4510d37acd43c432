import { parseStrictJson } from './json.ts'
import { printable } from './printable.ts'

/** What a scanner may write to its standard output. */
export const SCAN_OUTPUT_BYTES = 2 ** 20
const DEPTH = 16
/** The trail is kept for ever: of a scanner's findings it gets so many, and of each so much. */
export const FINDINGS_KEPT = 20
export const FINDING_CHARACTERS = 1_000
const REASON_CHARACTERS = 400

/** `failed`: there is no verdict, which is a refusal of its own. */
export type ScanVerdict = {
  readonly verdict: 'pass' | 'refuse' | 'failed'
  /** Why, made printable; `null` when the scanner did not say. */
  readonly reason: string | null
  /** JSON texts, made printable, bounded. */
  readonly findings: readonly string[]
  readonly findingsCount: number
}

/** How a scanner's process came to an end. */
export type ScanEnd =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: Uint8Array }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'overran' }
  | { readonly kind: 'flooded' }
  | { readonly kind: 'survived' }
  | { readonly kind: 'not-started'; readonly reason: string }

/**
 * Exit 0 accepts unless the document says `refuse`; exit 1 refuses. All else is no verdict: what a scanner says must be
 * understood whole, since a misread refusal would be a pass.
 */
export function judgeScan(end: ScanEnd, timeoutMs: number): ScanVerdict {
  switch (end.kind) {
    case 'not-started':
      return failed(`it could not be started: ${printable(end.reason, REASON_CHARACTERS)}`)
    case 'signalled':
      return failed(`${end.signal} ended it`)
    case 'overran':
      return failed(`it did not end within ${timeoutMs} ms`)
    case 'flooded':
      return failed(`it wrote more than ${SCAN_OUTPUT_BYTES} bytes to its standard output`)
    case 'survived':
      return failed('it left processes behind that could not be ended')
    case 'exited':
      return judgeExit(end.code, end.stdout)
  }
}

function judgeExit(code: number, stdout: Uint8Array): ScanVerdict {
  if (code !== 0 && code !== 1) return failed(`expected exit code 0 or 1, found ${code}`)
  const document = readDocument(stdout)
  if (typeof document === 'string') return failed(`its output ${document}`)
  const said = document?.verdict ?? (code === 0 ? 'pass' : 'refuse')
  if (said === 'pass' && code === 1) return failed('it exited with 1, which refuses, and said "pass"')
  const findings = document?.findings ?? []
  return {
    verdict: said,
    reason: document?.reason === undefined ? null : printable(document.reason, REASON_CHARACTERS),
    findings: findings.slice(0, FINDINGS_KEPT).map((finding) => printable(JSON.stringify(finding), FINDING_CHARACTERS)),
    findingsCount: findings.length,
  }
}

interface ScanDocument {
  readonly verdict: 'pass' | 'refuse'
  readonly reason?: string
  readonly findings?: readonly object[]
}

const KEYS: ReadonlySet<string> = new Set(['verdict', 'reason', 'findings'])

/** `null`: it said nothing. A text: what is wrong with what it said. */
function readDocument(bytes: Uint8Array): ScanDocument | string | null {
  if (bytes.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) return null
  const json = parseStrictJson(bytes, { maxBytes: SCAN_OUTPUT_BYTES, maxDepth: DEPTH })
  if (!json.ok) return json.reason
  if (!isObject(json.value)) return 'is no JSON object'
  const { verdict, reason, findings } = json.value
  const unknown = Object.keys(json.value).find((key) => !KEYS.has(key))
  // Not passed over: a misspelt "verdict" beside a right one must not leave two readings.
  if (unknown !== undefined) return `has the unknown key "${printable(unknown, 64)}"`
  if (verdict !== 'pass' && verdict !== 'refuse') return 'has no verdict that is "pass" or "refuse"'
  if (reason !== undefined && typeof reason !== 'string') return 'has a reason that is no text'
  if (findings !== undefined && !(Array.isArray(findings) && findings.every(isObject))) {
    return 'has findings that are no list of objects'
  }
  return json.value as unknown as ScanDocument
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const failed = (reason: string): ScanVerdict => ({ verdict: 'failed', reason, findings: [], findingsCount: 0 })
