import type nacl from 'tweetnacl'
import { PluginError } from '../core/errors.ts'
import { type PublicKey, publicKeyOf } from './ed25519.ts'

/** RFC 8032 calls it the private key: 32 random bytes from which everything else follows. */
export const SEED_BYTES = 32

/** A key that can sign, made and used by tweetnacl. Only `generateKey` and `keyFromSeed` make one. */
export class SecretKey {
  readonly publicKey: PublicKey
  readonly #pair: nacl.SignKeyPair
  readonly #nacl: typeof nacl

  constructor(pair: nacl.SignKeyPair, library: typeof nacl) {
    const publicKey = publicKeyOf(pair.publicKey)
    if (publicKey === null) throw new PluginError('INTERNAL', 'cannot use a key pair: its public half is not usable')
    this.publicKey = publicKey
    this.#pair = pair
    this.#nacl = library
  }

  sign(message: Uint8Array): Buffer {
    return Buffer.from(this.#nacl.sign.detached(message, this.#pair.secretKey))
  }

  /** A copy, for the key file; whoever takes it wipes it. */
  copySeed(): Buffer {
    return Buffer.from(this.#pair.secretKey.subarray(0, SEED_BYTES))
  }
}

export async function generateKey(): Promise<SecretKey> {
  // Loaded when asked for: nothing that a host needs to run a plugin signs anything.
  const { default: library } = await import('tweetnacl')
  return new SecretKey(library.sign.keyPair(), library)
}

export async function keyFromSeed(seed: Uint8Array): Promise<SecretKey> {
  const { default: library } = await import('tweetnacl')
  return new SecretKey(library.sign.keyPair.fromSeed(Uint8Array.from(seed)), library)
}
