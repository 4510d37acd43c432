import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { IsolationError } from '../core/errors.ts'

/**
 * The launcher for this machine: `dist/launcher/linux-<arch>/` of the package, or the optional package
 * `@bulkhead/launcher-linux-<arch>` beside it. Whoever could write it would run as root, so it is looked at each time.
 */
export function findLauncher(
  from: { readonly start: string; readonly uid: number; readonly arch?: string } = {
    start: import.meta.dirname,
    uid: process.geteuid?.() ?? 0,
  },
): string {
  const arch = from.arch ?? process.arch
  for (let folder = from.start; ; folder = dirname(folder)) {
    // Not `join`: every run looks here, and Node's way with paths is longer than the looking.
    const places = [
      `${folder}/dist/launcher/linux-${arch}/bulkhead-launch`,
      `${folder}/node_modules/@bulkhead/launcher-linux-${arch}/bulkhead-launch`,
    ]
    for (const place of places) {
      const stat = statSync(place, { throwIfNoEntry: false })
      if (stat) return assertSafe(place, stat, from.uid)
    }
    if (folder === dirname(folder)) break
  }
  throw new IsolationError('LAUNCHER_MISSING', `cannot run plugins: there is no launcher for linux-${arch}`, {
    hint: `npm install @bulkhead/launcher-linux-${arch}, or npm run build in a checkout (needs make and a C compiler)`,
  })
}

function assertSafe(
  path: string,
  stat: { isFile(): boolean; readonly uid: number; readonly mode: number },
  uid: number,
): string {
  const fault = !stat.isFile()
    ? 'it is no regular file'
    : stat.uid !== 0 && stat.uid !== uid
      ? `it belongs to uid ${stat.uid}, expected root or uid ${uid}`
      : (stat.mode & 0o022) !== 0
        ? `others may write it (mode ${(stat.mode & 0o7777).toString(8)})`
        : !isExecutable(path)
          ? 'it is not executable'
          : null
  if (fault === null) return path
  throw new IsolationError('LAUNCHER_MISSING', `cannot use the launcher ${path}: ${fault}`, {
    hint: `chown root ${path} && chmod 755 ${path}`,
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
