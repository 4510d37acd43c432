import { sha256 } from '../core/digest.ts'
import { VerificationError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { FILE_LIST, fileListOf } from '../core/layout.ts'
import { readBounded } from '../store/index.ts'
import { BUNDLE_MAX_BYTES } from '../verify/index.ts'

/**
 * The list of files that was recorded when a release was installed whose signatures cover none: the very bytes, or a
 * refusal. `Trees.unpack` writes it; its digest is in the database, so that a list and a tree that were changed together
 * are not believed.
 *
 * @throws VerificationError `MODIFIED`
 */
export function readFileList(
  release: string,
  { name, version, filesDigest }: Pick<Installation, 'name' | 'version' | 'filesDigest'>,
): Buffer {
  const bytes = readBounded(fileListOf(release), BUNDLE_MAX_BYTES)
  if (bytes !== null && filesDigest !== null && sha256(bytes) === filesDigest) return bytes
  throw new VerificationError(
    'MODIFIED',
    `cannot trust ${name} ${version}: its ${FILE_LIST} ${bytes === null ? 'is gone, or no plain file' : 'is not the one that was recorded when it was installed'}`,
    {
      hint: `plugins repair ${name} puts it right; find out who changed it`,
      details: { modified: [fileListOf(release)] },
    },
  )
}
