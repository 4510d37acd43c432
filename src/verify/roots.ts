import type { TrustedRoot } from './keyless/trusted-root.ts'

/** The trusted roots of this host: who may vouch for identities and times. */
export interface Roots {
  /** @throws VerificationError `ROOT_INVALID`, `POLICY_UNSAFE` */
  find(name: string): TrustedRoot | null
  list(): readonly TrustedRoot[]
}

/** A host without roots: no certificate and no timestamp can be checked there, so each is refused. */
export const NO_ROOTS: Roots = { find: () => null, list: () => [] }
