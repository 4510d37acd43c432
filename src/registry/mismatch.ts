import { RegistryError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'

const HINT = 'the index is older than the file, or somebody changed one of them: tell whoever runs the registry'

/** The registry has a file of another length than it lists. */
export const otherSize = (address: string, expected: number, found: number | string): RegistryError =>
  mismatch(address, `expected the ${expected} bytes that are listed, found ${found}`)

export const otherBytes = (address: string, expected: string, found: string): RegistryError =>
  mismatch(address, `expected the sha256 that is listed, ${expected}, found ${found}`)

export const mismatch = (address: string, what: string): RegistryError =>
  new RegistryError('REGISTRY_MISMATCH', `cannot use ${printable(address, 400)}: ${what}`, { hint: HINT })
