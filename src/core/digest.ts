import { hash } from 'node:crypto'

declare const brand: unique symbol

/** 64 lower-case hexadecimal digits. */
export type Sha256 = string & { readonly [brand]: 'Sha256' }
/** 128 lower-case hexadecimal digits. */
export type Sha512 = string & { readonly [brand]: 'Sha512' }

const SHA256 = /^[0-9a-f]{64}$/
const SHA512 = /^[0-9a-f]{128}$/

export const isSha256 = (text: string): text is Sha256 => SHA256.test(text)
export const isSha512 = (text: string): text is Sha512 => SHA512.test(text)

/** Hashing is computation, not I/O, and belongs to the value. node:crypto only: tweetnacl is thirty times slower. */
export const sha256 = (bytes: Uint8Array | string): Sha256 => hash('sha256', bytes, 'hex') as Sha256
export const sha512 = (bytes: Uint8Array | string): Sha512 => hash('sha512', bytes, 'hex') as Sha512
