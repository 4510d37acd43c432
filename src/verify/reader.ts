import { isSha256, isSha512, type Sha256, type Sha512 } from '../core/digest.ts'
import type { SchemaFault } from '../core/faults.ts'
import { printable } from '../core/printable.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * Reads bundles and statements by hand and collects every fault. Not zod: building its schemas costs a cold process more
 * than the whole check before a run, and a statement lists thousands of files.
 */
export class Reader {
  readonly faults: SchemaFault[] = []

  fault(path: string, message: string): null {
    this.faults.push({ path, message })
    return null
  }

  /** With `known`, any other key is a fault; without, unknown keys are left alone. */
  object(value: unknown, path: string, known?: readonly string[]): Json | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return this.#expected(value, path, 'object')
    if (known) {
      for (const key of Object.keys(value)) {
        if (!known.includes(key)) this.fault(join(path, printable(key, 64)), 'is not a known key')
      }
    }
    return value as Json
  }

  array(value: unknown, path: string, max: number): readonly unknown[] | null {
    if (!Array.isArray(value)) return this.#expected(value, path, 'array')
    return value.length > max ? this.fault(path, `has ${value.length} items, more than ${max}`) : value
  }

  string(value: unknown, path: string): string | null {
    return typeof value === 'string' ? value : this.#expected(value, path, 'string')
  }

  boolean(value: unknown, path: string): boolean | null {
    return typeof value === 'boolean' ? value : this.#expected(value, path, 'boolean')
  }

  /** A whole number from 0 to `max`. */
  count(value: unknown, path: string, max: number): number | null {
    if (typeof value !== 'number') return this.#expected(value, path, 'number')
    const fits = Number.isSafeInteger(value) && value >= 0 && value <= max
    return fits && !Object.is(value, -0) ? value : this.fault(path, `must be a whole number from 0 to ${max}`)
  }

  literal(value: unknown, path: string, wanted: string): void {
    if (value !== wanted) this.fault(path, `must be "${wanted}", found ${shown(value)}`)
  }

  sha256(value: unknown, path: string): Sha256 | null {
    if (typeof value === 'string' && isSha256(value)) return value
    return this.#expected(value, path, 'string', 'of 64 lower-case hexadecimal digits')
  }

  sha512(value: unknown, path: string): Sha512 | null {
    if (typeof value === 'string' && isSha512(value)) return value
    return this.#expected(value, path, 'string', 'of 128 lower-case hexadecimal digits')
  }

  /** RFC 4648 §4 with padding, in the one form an encoder gives: otherwise one signature would have many bundles. */
  base64(value: unknown, path: string): Buffer | null {
    const text = this.string(value, path)
    if (text === null) return null
    const bytes = Buffer.from(text, 'base64')
    return bytes.toString('base64') === text ? bytes : this.fault(path, 'is not canonical base64 with padding')
  }

  #expected(value: unknown, path: string, type: string, more = ''): null {
    const wanted = `${/^[ao]/.test(type) ? 'an' : 'a'} ${type}${more === '' ? '' : ` ${more}`}`
    return this.fault(path, value === undefined ? `is missing (expected ${wanted})` : `must be ${wanted}`)
  }
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${printable(value, 80)}"` : value === undefined ? 'nothing' : `a ${typeof value}`
}

/** A hostile list can hold a fault for each of its items; an error's details keep this many. */
export const FAULTS_KEPT = 100
const FAULTS_SHOWN = 8

/** A sentence names the first few faults, and says how many there are. */
export function sentenceOf(faults: readonly SchemaFault[]): string {
  const lines = faults.slice(0, FAULTS_SHOWN).map(({ path, message }) => (path === '' ? message : `${path} ${message}`))
  if (faults.length > FAULTS_SHOWN) lines.push(`and ${faults.length - FAULTS_SHOWN} more`)
  return lines.join('; ')
}
