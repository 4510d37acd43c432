import type { Archive, ArchiveEntry } from '../core/archive.ts'
import { malformed, shownName } from '../core/archive-fault.ts'

/**
 * A second opinion: node-tar reads the very same buffer, and must see the same names, types and sizes in the same order.
 * Where two readers differ, one of them can be deceived, and nobody knows which; so nothing is unpacked.
 */
export async function assertSameEntries({ tar, entries }: Archive): Promise<void> {
  const { Parser } = await import('tar')
  const seen: { path: string; type: string; size: number }[] = []
  const complaints: string[] = []
  const parser = new Parser({
    strict: true,
    gzip: false,
    onReadEntry: (entry) => {
      seen.push({ path: entry.path, type: entry.type, size: entry.size })
      entry.resume()
    },
    onwarn: (code, message) => complaints.push(`${code}: ${message}`),
  })
  await new Promise<void>((resolve) => {
    parser.on('error', (error: Error) => {
      complaints.push(error.message)
      resolve()
    })
    parser.on('end', () => resolve())
    parser.end(tar)
  })
  if (complaints.length > 0) throw malformed(`a second reader refuses it (${complaints.join('; ')})`)
  compare(seen, entries)
}

function compare(
  seen: readonly { path: string; type: string; size: number }[],
  entries: readonly ArchiveEntry[],
): void {
  // The npm folder was taken off the names, and its own entry off the list; beside others, a folder of that name is one.
  const isNpm = seen.every(({ path }) => path.startsWith('package/'))
  const prefix = isNpm ? 'package/' : ''
  const others = isNpm ? seen.filter(({ path }) => path !== 'package/') : seen
  if (others.length !== entries.length) {
    throw malformed(`one reader sees ${entries.length} entries in it and another ${others.length}`)
  }
  for (const [at, entry] of entries.entries()) {
    const other = others[at]
    const path = `${prefix}${entry.path}`
    const isSame =
      other !== undefined &&
      other.size === entry.size &&
      (entry.type === 'file'
        ? (other.type === 'File' || other.type === 'OldFile') && other.path === path
        : other.type === 'Directory' && other.path.replace(/\/$/, '') === path)
    if (!isSame) {
      const otherwise = other === undefined ? 'nothing' : `${other.type} ${shownName(other.path)}, ${other.size} bytes`
      throw malformed(`one reader sees ${shownName(path)}, ${entry.size} bytes, and another ${otherwise}`)
    }
  }
}
