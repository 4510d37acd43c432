import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../core/digest.ts'
import { StoreError, VerificationError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import { MANIFEST_FILE, type Manifest } from '../core/manifest.ts'
import { readSignedManifest } from '../core/signed-manifest.ts'

/** The installed manifest, from the very bytes that were signed. @throws VerificationError `MODIFIED` */
export function signedManifestOf(release: string, installation: Installation): Manifest {
  const path = join(packageOf(release), MANIFEST_FILE)
  const bytes = readOrNull(path)
  const manifest = bytes !== null && sha256(bytes) === installation.manifestDigest ? readSignedManifest(bytes) : null
  if (manifest !== null) return manifest
  const { name, version } = installation
  throw new VerificationError(
    'MODIFIED',
    `cannot trust ${name} ${version}: its ${MANIFEST_FILE} is not the signed one`,
    {
      hint: `plugins remove ${name}, then install it again; find out who changed it`,
      details: { modified: [MANIFEST_FILE], missing: [], extra: [] },
    },
  )
}

function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'].includes(code ?? '')) return null
    throw new StoreError('DISK_FAILED', `cannot read ${path}: ${message}`, { cause: error })
  }
}
