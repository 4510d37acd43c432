import { RegistryError } from '../core/errors.ts'
import type { ListedRelease } from '../core/listed-release.ts'
import type { Manifest } from '../core/manifest.ts'
import { printable } from '../core/printable.ts'

type Listed = Pick<ListedRelease, 'registry' | 'name' | 'version' | 'requires' | 'engines' | 'platforms'>
type Signed = Pick<Manifest, 'name' | 'version' | 'requires' | 'engines' | 'platforms'>

/**
 * A release was chosen, and others were resolved, by what the registry lists. It is refused when the manifest that was signed
 * says something else, for then another choice might have been made.
 * @throws RegistryError `REGISTRY_MISMATCH`, naming each difference
 */
export function assertAsListed(listed: Listed, manifest: Signed): void {
  const rows = [
    ['name', listed.name, manifest.name],
    ['version', listed.version, manifest.version],
    ['requires', shown(listed.requires), shown(manifest.requires)],
    ['engines', shown(listed.engines), shown(manifest.engines)],
    ['platforms', machines(listed.platforms), machines(manifest.platforms ?? null)],
  ] as const
  const differences = rows.flatMap(([what, said, is]) =>
    said === is ? [] : [`${what}: listed ${cut(said)}, signed ${cut(is)}`],
  )
  if (differences.length === 0) return
  throw new RegistryError(
    'REGISTRY_MISMATCH',
    `cannot use ${listed.name} ${listed.version} of registry ${printable(listed.registry, 200)}: ${differences.join('; ')}`,
    { hint: 'tell whoever runs the registry: its index is wrong, or was changed', details: { differences } },
  )
}

const cut = (text: string): string => printable(text, 300)

function shown(record: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined)
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))))
}

const machines = (platforms: readonly string[] | null): string =>
  platforms === null ? 'every platform' : [...platforms].sort().join(', ')
