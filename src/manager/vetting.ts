import type { StagedTarball } from '../core/archive.ts'
import { assertGoTogether, assertHasWhatItNeeds, assertStillSatisfied } from '../core/dependents.ts'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { Manifest } from '../core/manifest.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { versionRules } from '../core/version-range.ts'
import { assertAsListed } from '../registry/index.ts'
import { type Allowance, type Examination, parseAllowance } from '../verify/index.ts'
import type { ChangeOptions } from './change.ts'
import type { Agreed, ConsentOptions } from './consent.ts'
import { assertSupportedHere } from './engines.ts'
import { assertNotHeld, assertNotHeldUntil } from './holds.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'

export interface InstallOptions extends ChangeOptions, Omit<ConsentOptions, 'mode' | 'source' | 'isNeeded'> {
  /** Why it may not wait until it has been out for as long as this host asks; recorded. */
  readonly securityUpdate?: string | undefined
  readonly allowDowngrade?: boolean | undefined
  /**
   * Lets one plugin in without a signature: by its exact name, until a date or for a duration of at most 30 days, and only
   * where no rule of trust.json decides about the name. A bundle that is there is judged as ever.
   */
  readonly allowUnsigned?: { readonly name: string; readonly until: string } | undefined
}

/** How a release that a registry lists is let in. */
export interface AdmitOptions extends InstallOptions, Pick<ConsentOptions, 'mode' | 'isNeeded'> {
  /** What it was chosen by; without it, it came as a file. */
  readonly listed?: ListedRelease | undefined
  /** The range of versions that was asked for. */
  readonly asked?: string | null | undefined
  /** Of what is here: what is removed meanwhile does not come back by it. */
  readonly isUpdate?: boolean | undefined
  /** Others that the same command brings in another version. */
  readonly besides?: readonly string[] | undefined
  /** Another one that it goes together with comes after it, and may fail: at least one version is kept to go back to. */
  readonly mayGoBack?: boolean | undefined
}

/** The same with what only a conductor says. */
export interface Admitting extends AdmitOptions {
  /** Agrees in the place of everybody, or throws. A lock file goes together; each of its plugins alone need not, on the way. */
  readonly byLock?: ((release: VerifiedRelease) => Agreed) | undefined
}

/** This host can run it, and it goes together with what is here. What a registry or a lock file named was chosen so. */
export async function assertFits(
  host: Host,
  { manifest }: VerifiedRelease,
  { listed, byLock }: Admitting,
): Promise<void> {
  if (listed !== undefined) assertAsListed(listed, manifest)
  await assertSupportedHere(host, manifest)
  if (listed !== undefined || byLock !== undefined) return
  const present = host.store.list()
  await assertHasWhatItNeeds(present, manifest)
  await assertStillSatisfied(present, manifest.name, manifest.version)
}

/**
 * For the transaction that ends it: what it needs may be gone by then, who needs it come in, a newer version come and gone; and
 * `before` may be held.
 */
export async function fitting(
  host: Host,
  { name, version, requires }: Manifest,
  before: Installation | null,
  { byLock, besides, allowDowngrade }: Admitting,
): Promise<() => void> {
  if (byLock !== undefined) return () => (before === null ? undefined : assertNotHeldUntil(host, before))
  const rules = await versionRules()
  return () => {
    if (before !== null) assertNotHeld(host, before, 'update')
    const { highWater } = host.store.history(name)
    if (allowDowngrade !== true && highWater !== null && rules.compare(highWater, version) > 0) {
      const message = `cannot install ${name} ${version}: another process has just had ${highWater}`
      throw new StoreError('STORE_BUSY', message, { hint: 'try again' })
    }
    assertGoTogether(host.store.list(), { name, version, requires }, rules, besides)
  }
}

export function allowanceOf({ now }: Host, { allowUnsigned }: InstallOptions): Allowance | null {
  return allowUnsigned === undefined ? null : parseAllowance(nameOf(allowUnsigned.name), allowUnsigned.until, now())
}

/** Steps 2 to 10. */
export function examine(
  host: Host,
  tarball: StagedTarball,
  allowance: Allowance | null,
  { allowDowngrade }: InstallOptions,
): Promise<Examination<VerifiedRelease>> {
  const verifier = host.verifier()
  if (allowance === null) return verifier.examine(tarball, { allowDowngrade })
  return verifier.examineUnsigned(tarball, allowance, { allowDowngrade })
}
