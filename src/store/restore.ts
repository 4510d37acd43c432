import { join } from 'node:path'
import { StoreError } from '../core/errors.ts'
import { chrootOf, type Layout, packageOf } from '../core/layout.ts'
import { MANIFEST_FILE } from '../core/manifest.ts'
import { readSignedManifest } from '../core/signed-manifest.ts'
import type { SignedFile } from '../core/statement.ts'
import { evidenceOf, type Judged } from './evidence.ts'
import { flushTree } from './tree-flush.ts'
import { Neighbours, type ReleaseBeside, type Shared, type SharingOptions } from './tree-sharing.ts'
import { buildSkeleton } from './tree-skeleton.ts'
import { fillPackage, makeFile, modeOf } from './tree-writer.ts'

/** Signed files that no version here has as they were signed, by their paths. */
export function lackingIn(
  layout: Layout,
  { verified: { statement } }: Judged,
  beside: readonly ReleaseBeside[],
): string[] {
  const neighbours = new Neighbours(layout, { name: statement.name, beside, mayLink: false })
  return statement.files.filter((file) => !neighbours.has(file)).map(({ path }) => path)
}

/** Fills an empty release folder without the tarball: with what versions that are here still have of it. */
export async function restoreRelease(
  release: Judged,
  folder: string,
  layout: Layout,
  { beside, mayLink }: Pick<SharingOptions, 'beside' | 'mayLink'>,
): Promise<Shared> {
  const { name, files } = release.verified.statement
  const neighbours = new Neighbours(layout, { name, beside, mayLink })
  buildSkeleton(chrootOf(folder), readPathsOf(files, neighbours))
  await fillPackage(
    packageOf(folder),
    files.map((file) => ({ file })),
    {
      put: ({ file }, path) => {
        if (!neighbours.give(file, null, path)) makeFile(path, bytesOf(file, neighbours), modeOf(file))
      },
      tell: () => {},
    },
  )
  for (const { name, bytes } of evidenceOf(release)) makeFile(join(folder, name), bytes, 0o644)
  await flushTree(folder)
  return neighbours.shared
}

function readPathsOf(files: readonly SignedFile[], neighbours: Neighbours): readonly string[] {
  const file = files.find(({ path }) => path === MANIFEST_FILE)
  const manifest = file === undefined ? null : readSignedManifest(bytesOf(file, neighbours))
  if (manifest === null) throw new TypeError(`the signed ${MANIFEST_FILE} is none`)
  return manifest.permissions.read
}

function bytesOf(file: SignedFile, neighbours: Neighbours): Buffer {
  const bytes = neighbours.read(file)
  if (bytes !== null) return bytes
  throw new StoreError('DISK_FAILED', `cannot restore ${file.path}: it was here, and is not any more`)
}
