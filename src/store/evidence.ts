import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../core/digest.ts'
import { BUNDLE_FILE, FILE_LIST } from '../core/layout.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import { compareFile } from './tree-check.ts'

interface Evidence {
  /** Inside the release's folder, beside the chroot directory. */
  readonly name: string
  readonly bytes: Buffer
}

/** What a release was judged by, with its list of files. */
export type Judged = Pick<VerifiedRelease, 'verified' | 'recorded'>

/** What is kept with a release so that it can be judged again without its tarball. */
export function evidenceOf({ verified: { bundle }, recorded }: Judged): Evidence[] {
  return [
    ...(bundle === null ? [] : [{ name: BUNDLE_FILE, bytes: bundle }]),
    ...(recorded === null ? [] : [{ name: FILE_LIST, bytes: recorded }]),
  ]
}

/** Whatever in a release's folder is not as it was written, but for the chroot directory, which `Trees.check` looks at. */
export function evidenceFaults(folder: string, release: Judged): string[] {
  const evidence = evidenceOf(release)
  const owner = process.geteuid?.() ?? 0
  const changed = evidence.filter(({ name, bytes }) => {
    const signed = { path: name, size: bytes.length, executable: false, sha256: sha256(bytes) }
    return compareFile(join(folder, name), signed, owner) !== 'same'
  })
  const known = new Set(['root', ...evidence.map(({ name }) => name)])
  const extra = readdirSync(folder).filter((name) => !known.has(name))
  return [...changed.map(({ name }) => name), ...extra].sort()
}
