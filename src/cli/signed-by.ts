import type { InstalledPlugin } from '../index.ts'

/** Who vouches for what is installed, on one line. */
export const signedBy = ({ signers, unsignedUntil }: Pick<InstalledPlugin, 'signers' | 'unsignedUntil'>): string =>
  unsignedUntil === null ? signers.join(', ') : `unsigned until ${unsignedUntil}`
