import type { Archive, ArchiveBounds } from '../../src/core/archive.ts'
import { PluginError } from '../../src/core/errors.ts'
import { assertSameEntries } from '../../src/store/unpack-opinion.ts'
import { must, type Trial } from './target.ts'

/** What holds of every archive that is let through, asked without the code that let it through. */
export function archiveTrial(read: (input: Buffer) => Archive, bounds: ArchiveBounds): Trial {
  return {
    attempt: async (input) => {
      const archive = read(input)
      assertContained(archive, bounds)
      await assertReadAlike(archive)
      return archive
    },
  }
}

function assertContained({ tar, entries }: Archive, bounds: ArchiveBounds): void {
  must(tar.length <= bounds.unpackedBytes, `it unpacked to ${tar.length} bytes`)
  must(entries.length <= bounds.entries, `it holds ${entries.length} entries`)
  const seen = new Set<string>()
  for (const { path, size, offset } of entries) {
    const parts = path.split('/')
    must(parts.length <= bounds.depth, `"${path}" is deeper than the bound`)
    must(
      parts.every((part) => part !== '' && part !== '.' && part !== '..'),
      `"${path}" is no plain path`,
    )
    must(!/[\p{Cc}\\]/u.test(path) && path.isWellFormed(), `"${path}" has characters that no name may have`)
    must(path === path.normalize('NFC'), `"${path}" is not NFC`)
    must(!seen.has(path.toLowerCase()), `"${path}" is there twice`)
    seen.add(path.toLowerCase())
    must(offset >= 0 && offset + size <= tar.length, `"${path}" lies outside the archive`)
  }
  for (const path of seen) {
    const above = path.split('/').slice(0, -1)
    for (let depth = 1; depth <= above.length; depth++) {
      const folder = entries.find((entry) => entry.path.toLowerCase() === above.slice(0, depth).join('/'))
      must(folder === undefined || folder.type === 'directory', `"${path}" lies below a file`)
    }
  }
}

/** node-tar may refuse what we let through; what it reads without a complaint, it must read as we do. */
async function assertReadAlike(archive: Archive): Promise<void> {
  try {
    await assertSameEntries(archive)
  } catch (error) {
    must(error instanceof PluginError, `the second reader failed: ${error}`)
    must(error.message.includes('a second reader refuses it'), `two readers disagree: ${error.message}`)
  }
}
