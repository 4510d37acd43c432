import { PluginError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { RootFiles } from './keyless/root-files.ts'
import type { TrustedRoot } from './keyless/trusted-root.ts'

/** The trusted roots of this host: who may vouch for identities and times. Asked for only when something hangs on them. */
export interface Roots {
  /** @throws PluginError `ROOT_NOT_FOUND`; VerificationError `ROOT_INVALID`, `POLICY_UNSAFE` */
  find(name: string): Promise<TrustedRoot>
  all(): Promise<readonly TrustedRoot[]>
}

/** A host without roots: no certificate and no timestamp can be checked there, so each is refused. */
export const NO_ROOTS: Roots = {
  find: (name) =>
    Promise.reject(new PluginError('ROOT_NOT_FOUND', `cannot find a trusted root named ${printable(name, 80)}`)),
  all: () => Promise.resolve([]),
}

/** Those in `folder`, and the one that comes with the package. `uid`: as of `RootFiles`. */
export function rootsIn(folder: string, uid: number): Roots {
  let files: Promise<RootFiles> | undefined
  const load = () => (files ??= openRootFiles(folder, uid))
  return {
    find: async (name) => (await load()).find(name),
    all: async () => (await load()).list().map(({ root }) => root),
  }
}

/** Loaded when a certificate or timestamp is at hand: whoever trusts keys alone never pays for it. */
export async function openRootFiles(folder: string, uid: number): Promise<RootFiles> {
  const { packagedRoot, RootFiles } = await import('./keyless/root-files.ts')
  return new RootFiles(folder, packagedRoot(), uid)
}
