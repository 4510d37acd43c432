import { IsolationError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import { platformOf } from '../core/runtimes.ts'
import type { Interpreter } from './interpreter.ts'

/** The version of what a plugin meets inside: environment, folders, protocols. Not that of the package. */
export const CONTRACT_VERSION = '1.0.0'

/**
 * The same that was asked at install, of what the run is on: an interpreter may have been exchanged since.
 * @throws IsolationError `PLATFORM_UNSUPPORTED`, `ENGINE_UNSUPPORTED` when the manifest asks for another machine or version.
 */
export async function assertPlatform(manifest: Manifest, interpreter: Interpreter, arch: string): Promise<void> {
  const { name, platforms, engines } = manifest
  const here = platformOf(arch)
  if (platforms !== undefined && !(platforms as readonly string[]).includes(here)) {
    throw new IsolationError(
      'PLATFORM_UNSUPPORTED',
      `cannot run ${name}: it is for ${platforms.join(', ')}, not ${here}`,
    )
  }
  const rows = [
    ['Bulkhead', engines.bulkhead, CONTRACT_VERSION],
    ['Node', interpreter.kind === 'node' ? engines.node : undefined, interpreter.version],
    ['Python', interpreter.kind === 'python' ? engines.python : undefined, interpreter.version],
  ] as const
  for (const [what, range, version] of rows) {
    if (range === undefined || version === null || (await satisfies(version, range))) continue
    throw new IsolationError('ENGINE_UNSUPPORTED', `cannot run ${name}: it needs ${what} ${range}, this is ${version}`)
  }
}

/** Nearly every manifest says `>=22` or the like; loading semver for that would cost each run 3 ms. */
async function satisfies(version: string, range: string): Promise<boolean> {
  const least = /^>=\s*(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?$/.exec(range)
  if (!least) return (await import('semver')).default.satisfies(version, range)
  const [asked, found] = [least.slice(1).map((part) => Number(part ?? 0)), version.split('.').map(Number)]
  for (let at = 0; at < 3; at++) {
    const difference = (found[at] ?? 0) - (asked[at] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}
