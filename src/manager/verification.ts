import { existsSync } from 'node:fs'
import type { Change } from '../core/change.ts'
import { type PluginError, StoreError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import { isPluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { Check, VerifiedStatement } from '../core/verified.ts'
import { fetchTarball } from '../registry/index.ts'
import { assertSameRelease, modificationOf, noteworthy, reexamine } from './clearance.ts'
import { assertClock } from './clock.ts'
import { witnessed } from './evidence.ts'
import { failureOf } from './examination.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'
import { isStillHere } from './presence.ts'
import { type Quarantine, quarantineOf } from './quarantine.ts'

/** What `plugins verify` answers: every check, and the verdict. */
export interface Verification {
  /** What was asked about: a file, or a plugin's name. */
  readonly target: string
  readonly ok: boolean
  readonly name: string | null
  readonly version: string | null
  readonly signers: readonly string[]
  /** ISO 8601: an installed plugin that was let in without a signature, by name, until then. */
  readonly unsignedUntil: string | null
  readonly checks: readonly Check[]
  readonly error: PluginError | null
  /** Of what is installed: what is not as it was then. */
  readonly since?: readonly Change[]
  /** Of what is installed and put away: why, and since when; `isNew`: by this very verification. */
  readonly quarantine?: Quarantine & { readonly isNew: boolean }
}

/**
 * An installed plugin when it looks like a name (`NAME` or `NAME@VERSION`), whatever lies in the working folder: a file
 * there must not answer for what is installed. Else a tarball; `./` before it makes any path look like one.
 */
export async function verify(host: Host, target: string): Promise<Verification> {
  assertClock(host)
  const at = target.indexOf('@')
  const name = at < 0 ? target : target.slice(0, at)
  const version = at < 0 ? undefined : target.slice(at + 1)
  if (!isPluginName(name)) return verifyTarball(host, target)
  for (let attempt = 1; ; attempt++) {
    const installation = host.store.find(nameOf(name))
    if (installation === null || (version !== undefined && version !== installation.version)) {
      const found = installation === null ? 'it is not installed' : `${installation.version} is installed`
      throw new StoreError('NOT_INSTALLED', `cannot verify ${printable(target)}: ${found}`, {
        hint: existsSync(target) ? `to check the file: plugins verify ./${printable(target)}` : 'plugins list',
      })
    }
    const verification = await verifyInstalled(host, installation)
    // Removed under our eyes: what is there now, if anything, is asked about.
    if (!verification.ok && attempt < ATTEMPTS && !isStillHere(host, installation)) continue
    const quarantined = quarantineOf(host, installation)
    return quarantined === null ? verification : { ...verification, quarantine: { ...quarantined, isNew: false } }
  }
}

/** So often a removal may come in between. */
const ATTEMPTS = 3

async function verifyTarball(host: Host, path: string): Promise<Verification> {
  const tarball = await fetchTarball(path)
  // What is installed, or was, does not make a good tarball bad: asking is not installing.
  const { checks, verdict } = await host.verifier().examine(tarball, { allowDowngrade: true })
  if (!verdict.ok) return refused(path, checks, verdict.error)
  const { statement, signers } = verdict.value.verified
  return {
    target: path,
    ok: true,
    name: statement.name,
    version: statement.version,
    signers: signers.map(({ id }) => id),
    unsignedUntil: null,
    checks,
    error: null,
  }
}

/** Never throws: one bad plugin must not end `verify --all`. */
export const verifyInstalled = (host: Host, installation: Installation): Promise<Verification> =>
  witnessed(host, installation, (keep) => judgeInstalled(host, installation, keep))

/** Always hashes every file, whatever the seal says (DESIGN §4). */
async function judgeInstalled(
  host: Host,
  installation: Installation,
  keep: (verified: VerifiedStatement) => void,
): Promise<Verification> {
  const { name, version } = installation
  const release = host.layout.release(name, version, installation.digest)
  const known = { name, version, unsignedUntil: unsignedUntilOf(installation) }
  let checks: readonly Check[] = []
  try {
    const examined = await reexamine(host, release, installation, { thorough: true })
    checks = examined.checks
    if (!examined.verdict.ok) {
      return {
        ...refused(name, [...checks, treeCheck('not-applicable', 'an earlier check failed')], examined.verdict.error),
        ...known,
      }
    }
    const verified = examined.verdict.value
    keep(verified)
    assertSameRelease(installation, verified)
    const { files } = verified.statement
    const found = await host.trees.check(packageOf(release), files, null, { thorough: true })
    const error = modificationOf(installation, found)
    if (error !== null) {
      // Of what was put away for it, the trail says so once.
      // And nothing of what somebody else was about to remove.
      if (installation.state !== 'quarantined' && isStillHere(host, installation))
        host.store.note('modified', name, { version, ...noteworthy(error) })
      return { ...refused(name, [...checks, treeCheck('fail', error.message, error.hint)], error), ...known }
    }
    const listed = verified.fileList === 'signed' ? 'signed' : 'recorded at install'
    if (found.seal !== null) host.store.reseal(installation, found.seal)
    return {
      target: name,
      ok: true,
      ...known,
      signers: verified.signers.map(({ id }) => id),
      checks: [
        ...checks,
        treeCheck('pass', `${files.length} installed files as ${listed}, nothing missing, nothing extra`),
      ],
      error: null,
    }
  } catch (thrown) {
    const error = failureOf(thrown, `${name} ${version}`)
    return { ...refused(name, [...checks, treeCheck('fail', error.message, error.hint)], error), ...known }
  }
}

const treeCheck = (result: Check['result'], detail: string, remedy?: string): Check => ({
  check: 'tree',
  result,
  detail,
  remedy: remedy ?? null,
})

const refused = (target: string, checks: readonly Check[], error: PluginError): Verification => ({
  target,
  ok: false,
  name: null,
  version: null,
  signers: [],
  unsignedUntil: null,
  checks,
  error,
})
