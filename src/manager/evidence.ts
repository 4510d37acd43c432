import type { Change } from '../core/change.ts'
import { differences } from '../core/differences.ts'
import { type Sha256, sha256 } from '../core/digest.ts'
import { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { parseStrictJson } from '../core/json.ts'
import { printable } from '../core/printable.ts'
import type { Check, Evidence, VerifiedStatement } from '../core/verified.ts'
import type { KeptVerdict, Verdict } from '../store/index.ts'
import { parsePolicy, policyChanges, rootsIn, type TrustPolicy } from '../verify/index.ts'
import { version } from '../version.ts'
import { readBundle } from './clearance.ts'
import { failureOf } from './examination.ts'
import type { Host } from './host.ts'
import type { Verification } from './verification.ts'

/** Why a release was let in, as it is kept with it. */
export function acceptance(verified: VerifiedStatement, checks: readonly Check[]): Verdict {
  const { signers, countersigners, bundle, evidence } = verified
  const digest = bundle === null ? null : sha256(bundle)
  return { verdict: 'OK', signers, countersigners, checks, bundle: digest, evidence, bulkhead: version }
}

/**
 * Has what is installed judged, keeps the verdict as the latest of its release, and adds what has changed since it was
 * installed. `judge` hands in what its verdict rests on, as soon as that is known.
 */
export async function witnessed(
  host: Host,
  installation: Installation,
  judge: (keep: (verified: VerifiedStatement) => void) => Promise<Verification>,
): Promise<Verification> {
  let verified: VerifiedStatement | null = null
  const result = await judge((found) => {
    verified = found
  })
  try {
    const latest = verdictOf(host, installation, result, verified)
    host.store.verdicts.keepLatest(installation, latest)
    return { ...result, since: await changesSince(host, installation, latest) }
  } catch (thrown) {
    // A disk that is full, or a row that makes no sense, must not hide what is wrong with the plugin, and is no reason to
    // call it good.
    const error = failureOf(thrown, `${installation.name} ${installation.version}`)
    const row: Check = { check: 'evidence', result: 'fail', detail: error.message, remedy: error.hint ?? null }
    return { ...result, ok: false, error: result.error ?? error, checks: [...result.checks, row] }
  }
}

/** Of a refusal no roots are known that vouched for anything, and the policy is the one that stands there now. */
function verdictOf(
  host: Host,
  installation: Installation,
  { error, checks }: Verification,
  verified: VerifiedStatement | null,
): Verdict {
  return {
    verdict: error?.code ?? 'OK',
    signers: verified?.signers ?? [],
    countersigners: verified?.countersigners ?? [],
    checks,
    bundle: bundleDigestOf(host, installation),
    evidence: verified?.evidence ?? policyNow(host),
    bulkhead: version,
  }
}

/** `null`: trust.json cannot be read, which is why it was refused. */
function policyNow({ trustFile }: Host): Evidence | null {
  try {
    const { digest, bytes } = trustFile.read()
    return { policy: { digest, bytes }, roots: [] }
  } catch (error) {
    if (error instanceof PluginError) return null
    throw error
  }
}

/** What is not as it was when this was installed: the version of Bulkhead, the policy as far as it is about this, roots. */
export async function changesSince(host: Host, installation: Installation, now: Verdict): Promise<Change[]> {
  const { install } = host.store.verdicts.of(installation.name, installation.version)
  if (install === null) {
    const detail = 'what it was checked by when it was installed was not kept by the version that did it'
    return [{ what: 'evidence', detail, before: null, after: null }]
  }
  return [
    ...differences('Bulkhead', install.bulkhead, now.bulkhead).map((one) => ({ what: 'bulkhead' as const, ...one })),
    ...differences('bundle', install.bundle, now.bundle).map((one) => ({ what: 'bundle' as const, ...one })),
    ...signerChanges(install, now),
    ...policyChangesOf(host, installation, install, now.evidence),
    ...(await rootChanges(host, install)),
  ]
}

function signerChanges(then: KeptVerdict, now: Verdict): Change[] {
  // Of a refusal it is not known who would have counted.
  if (now.signers.length === 0) return []
  return (['signers', 'countersigners'] as const).flatMap((kind) => {
    const [before, after] = [then[kind], now[kind]].map((all) => all.map(({ id }) => id))
    return differences(kind, before, after).map((one) => ({ what: 'signers' as const, ...one }))
  })
}

function policyChangesOf(
  host: Host,
  { name, digest, signers }: Installation,
  { policyDigest }: KeptVerdict,
  evidence: Evidence | null,
): Change[] {
  const after = evidence?.policy.digest ?? null
  if (policyDigest === null || policyDigest === after) return []
  const change = { what: 'policy', before: policyDigest, after } as const
  if (evidence === null) return [{ ...change, detail: 'trust.json cannot be read now' }]
  const bytes = host.store.verdicts.document(policyDigest)
  if (bytes === null) return [gone('trust.json', policyDigest)]
  const then = policyOf(host, policyDigest, bytes)
  if (typeof then === 'string') {
    return [{ ...change, detail: `the trust.json of then is none that this version can read: ${then}` }]
  }
  const now = policyOf(host, evidence.policy.digest, evidence.policy.bytes)
  if (typeof now === 'string') return [{ ...change, detail: now }]
  const changes = policyChanges(then, now, { name, digest, signers })
  return changes.length > 0 ? changes : [{ ...change, detail: `trust.json, in nothing that is about ${name}` }]
}

/** The policies that were read last, of each host: `verify --all` asks for the same two again and again. */
const parsed = new WeakMap<Host, Map<Sha256, TrustPolicy | string>>()
const PARSED_MAX = 4

/** Parsed, or why it cannot be: an earlier version may have written what this one refuses. */
function policyOf(host: Host, digest: Sha256, bytes: Uint8Array): TrustPolicy | string {
  const known = parsed.get(host) ?? new Map<Sha256, TrustPolicy | string>()
  parsed.set(host, known)
  const policy = known.get(digest) ?? parsedOrWhyNot(bytes)
  known.delete(digest)
  known.set(digest, policy)
  for (const oldest of known.keys()) if (known.size > PARSED_MAX) known.delete(oldest)
  return policy
}

function parsedOrWhyNot(bytes: Uint8Array): TrustPolicy | string {
  try {
    return parsePolicy(bytes, 'trust.json')
  } catch (error) {
    if (error instanceof PluginError) return error.message
    throw error
  }
}

/** Of the roots that vouched for something then; on a host that trusts keys alone there are none to look for. */
async function rootChanges(host: Host, { roots }: KeptVerdict): Promise<Change[]> {
  const present = rootsIn(host.layout.roots, host.caller.uid)
  const changes: Change[] = []
  for (const { name, digest: before } of roots) {
    const label = `trusted root ${printable(name)}`
    const now = await present.find(name).catch(reasonOf)
    const after = typeof now === 'string' ? null : now.digest
    if (before === after) continue
    const bytes = host.store.verdicts.document(before)
    if (typeof now === 'string')
      changes.push({ what: 'root', detail: `${label} cannot be used now: ${now}`, before, after })
    else if (bytes === null) changes.push(gone(label, before))
    else {
      const found = differences(label, servicesOf(bytes), servicesOf(now.bytes)).map(({ detail }) => detail)
      const details = found.length > 0 ? found : [`${label} was written anew, with the same in it`]
      changes.push(...details.map((detail) => ({ what: 'root' as const, detail, before, after })))
    }
  }
  return changes
}

function reasonOf(error: unknown): string {
  if (error instanceof PluginError) return error.message
  throw error
}

const ROOT_BOUNDS = { maxBytes: 16 * 2 ** 20, maxDepth: 16 }

/** Authorities and logs of a trusted root, each as one line: where it is, since when, and what tells it from another. */
function servicesOf(bytes: Uint8Array): Record<string, readonly string[]> {
  const json = parseStrictJson(bytes, ROOT_BOUNDS)
  if (!json.ok) return { document: [`${json.reason}`] }
  return Object.fromEntries(
    Object.entries(json.value as Readonly<Record<string, unknown>>).map(([kind, listed]) => [
      kind,
      (Array.isArray(listed) ? listed : [listed]).map(serviceName),
    ]),
  )
}

function serviceName(service: unknown): string {
  const text = JSON.stringify(service)
  if (typeof service !== 'object' || service === null) return text
  const { baseUrl, uri } = service as Readonly<Record<string, unknown>>
  const where = [baseUrl, uri].find((one) => typeof one === 'string') ?? 'unnamed'
  return `${where} (sha256:${sha256(text).slice(0, 12)})`
}

const gone = (what: string, digest: Sha256): Change => ({
  what: 'evidence',
  detail: `the ${what} it was installed by is not in the database any more, or was changed there: sha256:${digest}`,
  before: digest,
  after: null,
})

/** `null`: it cannot be read, and the verdict says so. */
function bundleDigestOf({ layout }: Host, installation: Installation): Sha256 | null {
  try {
    return sha256(
      readBundle(layout.release(installation.name, installation.version, installation.digest), installation),
    )
  } catch (error) {
    if (error instanceof PluginError) return null
    throw error
  }
}
