import { type Dirent, lstatSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { IsolationError } from '../core/errors.ts'
import type { Bind } from './interpreter.ts'

/** Top folders of every chroot directory: a host path can be shown below these only. */
export const READ_FOLDERS = ['usr', 'etc', 'opt', 'srv', 'var', 'home', 'mnt', 'media'] as const

/** Where Bulkhead keeps what no plugin may see. */
export interface Secrets {
  readonly home: string
  readonly trustFile: string
}

/** A tree is looked through before every run, so it must be one that can be. */
const ENTRIES_MAX = 50_000

/** The files and folders of `permissions.read`, as binds. @throws IsolationError `READ_REFUSED`. */
export function surveyReads(name: string, paths: readonly string[], secrets: Secrets): Bind[] {
  return paths.map((path) => {
    const fault = faultOfRead(path, secrets)
    if (fault !== null) {
      throw new IsolationError('READ_REFUSED', `cannot show ${path} to ${name}: ${fault}`, {
        hint: 'permissions.read takes regular files and folders of them',
      })
    }
    return { outside: path, inside: path, executable: false }
  })
}

function faultOfRead(path: string, secrets: Secrets): string | null {
  const top = path.split('/')[1] ?? ''
  if (!(READ_FOLDERS as readonly string[]).includes(top)) {
    return `it does not lie below ${READ_FOLDERS.map((folder) => `/${folder}`).join(', ')}`
  }
  for (const own of [secrets.home, secrets.trustFile]) {
    const real = realOrNull(own) ?? own
    if (overlap(path, own) || overlap(path, real)) return 'Bulkhead keeps its own files there'
  }
  const real = realOrNull(path)
  if (real === null) return 'it is not there'
  if (real !== path) return `a link leads from it to ${real}`
  return faultOfTree(path)
}

/**
 * DESIGN §3: no sockets, FIFOs or devices. A read-only mount does not stop a program from connecting to a socket or
 * writing into a FIFO. Links stay what they are: inside, they lead to what is there, or nowhere.
 */
function faultOfTree(path: string): string | null {
  const stat = lstatSync(path)
  if (stat.isFile()) return null
  if (!stat.isDirectory()) return 'it is neither a regular file nor a folder'
  const folders = [path]
  let entries = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let list: Dirent[]
    try {
      list = readdirSync(folder, { withFileTypes: true })
    } catch (error) {
      return `${folder} cannot be read (${(error as NodeJS.ErrnoException).code})`
    }
    entries += list.length
    if (entries > ENTRIES_MAX) return `it holds more than ${ENTRIES_MAX} entries`
    for (const entry of list) {
      if (entry.isDirectory()) folders.push(join(folder, entry.name))
      else if (!entry.isFile() && !entry.isSymbolicLink())
        return `${join(folder, entry.name)} is a socket, FIFO or device`
    }
  }
  return null
}

const overlap = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)

function realOrNull(path: string): string | null {
  try {
    return realpathSync.native(path)
  } catch {
    return null
  }
}
