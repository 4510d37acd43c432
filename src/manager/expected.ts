import { StoreError, UsageError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { Manifest } from '../core/manifest.ts'
import { printable } from '../core/printable.ts'
import type { Protocol } from '../core/runtimes.ts'
import { isVersionRange } from '../core/version-range.ts'

/** A host application was written against some versions of a plugin. @throws StoreError `VERSION_OUT_OF_RANGE` */
export async function assertInRange({ name, version }: Installation, range: string | undefined): Promise<void> {
  if (range === undefined) return
  if (typeof range !== 'string' || !isVersionRange(range))
    throw new UsageError('USAGE', `cannot use the range "${printable(String(range))}": expected one such as ^1.2`)
  // Of a run that asks for no range, which is most of them, the package need not be loaded.
  const { satisfies } = (await import('semver')).default
  if (satisfies(version, range)) return
  throw new StoreError('VERSION_OUT_OF_RANGE', `cannot run ${name} ${version}: ${range} was asked for`, {
    hint: `plugins update ${name}, or plugins rollback ${name}`,
  })
}

/** @throws UsageError `WRONG_PROTOCOL` */
export function assertSpeaks({ name, protocol }: Manifest, expected: Protocol | undefined): void {
  if (expected === undefined || protocol === expected) return
  throw new UsageError('WRONG_PROTOCOL', `cannot use ${name} by ${expected}: its manifest says ${protocol}`, {
    hint: WAYS[protocol],
  })
}

/** What a host application starts a plugin of each protocol with. */
const WAYS: Readonly<Record<Protocol, string>> = {
  stdio: 'plugins.run() or plugins.spawn() is for stdio',
  jsonrpc: 'plugins.load() is for jsonrpc',
  mcp: 'sandboxed() of @bulkhead/plugins/mcp is for mcp',
  grpc: 'loadGoPlugin() of @bulkhead/plugins/grpc is for grpc',
}
