import { join } from 'node:path'
import { sha256 } from '../core/digest.ts'
import { StoreError, VerificationError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import { MANIFEST_FILE, MANIFEST_MAX_BYTES, type Manifest } from '../core/manifest.ts'
import { readSignedManifest } from '../core/signed-manifest.ts'
import { readBounded } from '../store/index.ts'

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
      hint: `plugins repair ${name} puts it right; find out who changed it`,
      details: { modified: [MANIFEST_FILE], missing: [], extra: [] },
    },
  )
}

function readOrNull(path: string): Buffer | null {
  try {
    return readBounded(path, MANIFEST_MAX_BYTES)
  } catch (error) {
    throw new StoreError('DISK_FAILED', `cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}
