import { lstatSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ETC_FILES } from '../core/etc-files.ts'
import { isPlainFolder, statusOf } from './tree-check.ts'
import { makeFile, makeFolder } from './tree-writer.ts'

/** Folders that the launcher mounts something on, or fills. The package itself is in `plugin`. */
const FOLDERS = ['data', 'dev', 'etc', 'plugin', 'proc', 'tmp', 'usr'] as const
/** Programs look for their loader and libraries at either path, as on every merged-/usr system. */
const LINKS: Readonly<Record<string, string>> = { bin: 'usr/bin', lib: 'usr/lib', lib64: 'usr/lib64' }

/** Makes the chroot directory around the package, with a mount point for each top-level folder the manifest may read. */
export function buildSkeleton(root: string, readPaths: readonly string[]): void {
  makeFolder(root)
  for (const folder of FOLDERS) makeFolder(join(root, folder))
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(root, name))
  for (const [name, content] of Object.entries(ETC_FILES))
    makeFile(join(root, 'etc', name), Buffer.from(content), 0o644)
  for (const top of topsOf(readPaths)) makeFolder(join(root, top))
}

function topsOf(readPaths: readonly string[]): string[] {
  const tops = new Set(readPaths.map((path) => path.split('/')[1] ?? ''))
  return [...tops].filter((top) => top !== '' && !isOwn(top))
}

const isOwn = (name: string): boolean => (FOLDERS as readonly string[]).includes(name) || Object.hasOwn(LINKS, name)

/**
 * Whatever in the chroot directory is not as it was built, by its path from there. Beside what every plugin has there
 * may be empty folders: mount points of paths it may read.
 */
export function skeletonFaults(root: string, owner: number): string[] {
  if (!isFolder(root, owner)) return ['/']
  const names = new Set(readdirSync(root))
  const missing = [...FOLDERS, ...Object.keys(LINKS)].filter((name) => !names.has(name))
  return [...missing, ...[...names].filter((name) => !isAsBuilt(root, name, owner))].sort().map((name) => `/${name}`)
}

function isAsBuilt(root: string, name: string, owner: number): boolean {
  const path = `${root}/${name}`
  const target = Object.hasOwn(LINKS, name) ? LINKS[name] : undefined
  if (target !== undefined) return lstatSync(path).isSymbolicLink() && readlinkSync(path) === target
  if (!isFolder(path, owner)) return false
  if (name === 'plugin') return true // its content is checked against the signed list
  const inside = readdirSync(path)
  if (name !== 'etc') return inside.length === 0
  return (
    inside.length === Object.keys(ETC_FILES).length && inside.every((file) => isEtcFile(`${path}/${file}`, file, owner))
  )
}

function isFolder(path: string, owner: number): boolean {
  const stats = statusOf(path)
  return stats !== null && isPlainFolder(stats, owner)
}

function isEtcFile(path: string, name: string, owner: number): boolean {
  const content = Object.hasOwn(ETC_FILES, name) ? ETC_FILES[name] : undefined
  const stats = lstatSync(path)
  const isPlain = stats.isFile() && stats.uid === owner && (stats.mode & 0o7777) === 0o644
  // By its size first: what somebody made gigabytes of is not read.
  return isPlain && content !== undefined && stats.size === content.length && readFileSync(path, 'utf8') === content
}
