import { RegistryError, UsageError } from '../core/errors.ts'
import { TEXT } from '../core/manifest-parser.ts'
import type { PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'
import type { Listing } from './index-folder.ts'

/** What the keeper of a registry says of a release that is listed; `null` takes it back. */
export type Mark = { readonly yanked: string | null } | { readonly deprecated: string | null }

/** @throws RegistryError `RELEASE_NOT_FOUND`; UsageError for a reason that no index may hold */
export function withMark(listing: Listing, name: PluginName, version: string, mark: Mark): Listing {
  const reason = 'yanked' in mark ? mark.yanked : mark.deprecated
  if (reason !== null && (reason.length === 0 || reason.length > 500 || !TEXT.test(reason))) {
    throw new UsageError('USAGE', 'cannot use this reason: expected 1 to 500 characters on one line')
  }
  const releases = listing.get(name) ?? []
  if (!releases.some((one) => one.version === version)) {
    const versions = releases.map((one) => one.version)
    const shown = versions.length === 0 ? 'there is no such plugin' : `there are ${versions.slice(-10).join(', ')}`
    throw new RegistryError('RELEASE_NOT_FOUND', `cannot find ${name} ${printable(version, 80)} in the index: ${shown}`)
  }
  return new Map(listing).set(
    name,
    releases.map((one) => (one.version === version ? { ...one, ...mark } : one)),
  )
}
