import { PluginError, StoreError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { VerifiedStatement } from '../core/verified.ts'
import type { Verdict, Verifier } from '../verify/index.ts'
import { assertSameRelease, type Examined, reexamine } from './clearance.ts'
import type { Host } from './host.ts'

/** What a policy says of the bundle that was kept with a release: as a run asks it, but never throws. */
export async function examine(
  host: Pick<Host, 'layout' | 'verifier'>,
  verifier: Verifier,
  kept: Examined,
): Promise<Verdict<VerifiedStatement>> {
  const { name, version, digest } = kept
  try {
    const release = host.layout.release(name, version, digest)
    const { verdict } = await reexamine(host, release, kept, { thorough: false, verifier })
    if (verdict.ok) assertSameRelease(kept, verdict.value)
    return verdict
  } catch (thrown) {
    return { ok: false, error: failureOf(thrown, `${name} ${version}`) }
  }
}

/** An exception that nobody planned is a refusal, never a pass; what the operating system answered is its failure. */
export function failureOf(thrown: unknown, what: string): PluginError {
  if (thrown instanceof PluginError) return thrown
  const { message, syscall, code } = thrown as NodeJS.ErrnoException
  const text = printable(thrown instanceof Error ? message : String(thrown), 300)
  if (syscall !== undefined || code?.startsWith('SQLITE_'))
    return new StoreError('DISK_FAILED', `cannot verify ${what}: ${text}`, { cause: thrown })
  return new PluginError('VERIFIER_ERROR', `cannot verify ${what}: ${text}`, { cause: thrown })
}
