import { lstatSync, realpathSync } from 'node:fs'
import { faultOf } from './interpreter/host-file.ts'

/** Where distributions keep the certificate authorities they trust, as one file: Debian, Fedora, SUSE, Alpine. */
const PLACES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/var/lib/ca-certificates/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/** Where libraries look for it: Go and curl at the first, OpenSSL at whichever its distribution was built with. */
export const CERTIFICATES_INSIDE = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/ssl/cert.pem',
  '/usr/lib/ssl/cert.pem',
  '/etc/pki/tls/cert.pem',
] as const

/** This host's bundle of public certificate authorities, or `null`: a file that no other user may change, and everybody read. */
export function findCertificates(owner: { readonly uid: number }): string | null {
  for (const place of PLACES) {
    let real: string
    try {
      real = realpathSync.native(place)
    } catch {
      continue
    }
    const stat = lstatSync(real)
    if (stat.isFile() && (stat.mode & 0o004) !== 0 && faultOf(real, owner) === null) return real
  }
  return null
}
