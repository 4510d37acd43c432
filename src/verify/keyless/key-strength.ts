import type { KeyObject } from 'node:crypto'

const RSA_MIN_BITS = 2048
const RSA_MAX_BITS = 8192
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1']

/** Why a key may not sign anything here, or `null`. The library asks neither for size nor for kind. */
export function weaknessOf(key: KeyObject): string | null {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  switch (type) {
    case 'ed25519':
      return null
    case 'ec':
      return CURVES.includes(details?.namedCurve)
        ? null
        : `a key on the curve ${details?.namedCurve ?? 'without a name'} (expected P-256 or P-384)`
    case 'rsa': {
      const bits = details?.modulusLength ?? 0
      const fits = bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS
      return fits ? null : `an RSA key of ${bits} bits (expected ${RSA_MIN_BITS} to ${RSA_MAX_BITS})`
    }
    default:
      return `a key of the kind ${type ?? 'unknown'} (expected EC, Ed25519 or RSA)`
  }
}

/** Sigstore's algorithm registry: the digest that goes with the key. Ed25519 has its own. */
export function digestFor(key: KeyObject): string | null {
  if (key.asymmetricKeyType === 'ed25519') return null
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256'
}
