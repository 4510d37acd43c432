import { lstatSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'

/** What `lstat` says of one step of a path. */
export interface PathStep {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly uid: number
  /** Permission bits, the sticky bit included. */
  readonly mode: number
}

export interface PathDanger {
  readonly path: string
  readonly reason: string
}

const STICKY = 0o1000
const WRITABLE_BY_OTHERS = 0o022

/**
 * Who could change the file that the last step names? Only root, and `uid` when that is not root: every step must belong
 * to one of them, be no link, and be writable by nobody else.
 *
 * A folder that all may write to is let through when it is sticky (`/tmp`) and the next step is a *folder*: in a sticky
 * folder nobody can rename or remove what is not theirs, and the next step's owner is checked like any other. It is not
 * let through as the folder of the file itself: there anybody could put a hard link to some other file of ours under the
 * name we read, and the owner would be right while the content is not. Folders cannot be hard-linked.
 *
 * @returns why it is not safe, or `null`. Access lists need no look of their own: with one, the group bits of the mode are
 * its mask, so an entry that may write shows as group-writable.
 */
export function pathDanger(steps: readonly PathStep[], uid: number): PathDanger | null {
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1
    const danger = stepDanger(step, isLast, steps[index + 1]?.kind === 'folder', uid)
    if (danger !== null) return { path: step.path, reason: danger }
  }
  return null
}

function stepDanger(
  { kind, uid, mode }: PathStep,
  isLast: boolean,
  leadsToFolder: boolean,
  self: number,
): string | null {
  if (kind === 'link') return 'is a symbolic link'
  if (isLast ? kind !== 'file' : kind !== 'folder') return `is not a ${isLast ? 'regular file' : 'folder'}`
  if (uid !== 0 && uid !== self)
    return `belongs to user ${uid}, expected ${self === 0 ? 'root' : `root or user ${self}`}`
  if ((mode & WRITABLE_BY_OTHERS) === 0) return null
  if ((mode & STICKY) !== 0 && leadsToFolder) return null
  return `is writable by ${(mode & 0o002) === 0 ? 'its group' : 'everybody'} (mode ${(mode & 0o7777).toString(8)})`
}

/**
 * The same for a file on disk. A file that is not there is safe when its folder is; `false` then.
 * @throws VerificationError `POLICY_UNSAFE`, naming the step and the remedy.
 */
export function assertSafePath(file: string, uid: number): boolean {
  const path = resolve(file)
  let isThere = true
  const folders = parentsOf(path).map((at) => {
    const step = isThere ? stepOf(at) : null
    isThere &&= step !== null
    return step ?? ({ path: at, kind: 'folder', uid: 0, mode: 0o755 } satisfies PathStep)
  })
  const last = isThere ? stepOf(path) : null
  // What is missing is judged as if it were ours: who could put something else there is a question to its folder.
  const danger = pathDanger([...folders, last ?? { path, kind: 'file', uid: 0, mode: 0o644 }], uid)
  if (danger !== null) throw unsafe(danger, path, uid)
  return last !== null
}

/**
 * What lies in a safe folder is safe from now on, and not from before: a folder that others could write once may hold
 * what they left, a database with triggers among it. So each of these, where it is there, must be ours and no link.
 * @throws VerificationError `POLICY_UNSAFE`, naming it and the remedy.
 */
export function assertOwn(paths: readonly string[], kind: 'file' | 'folder', uid: number): void {
  for (const path of paths) {
    const step = stepOf(path)
    if (step === null) continue
    const reason = stepDanger(step, kind === 'file', false, uid)
    if (reason !== null) throw unsafe({ path, reason }, path, uid)
  }
}

function unsafe(danger: PathDanger, file: string, uid: number): VerificationError {
  const where = printable(danger.path, 400)
  return new VerificationError(
    'POLICY_UNSAFE',
    `cannot use ${printable(file, 400)}: others could change what it says, since ${where} ${danger.reason}`,
    { hint: remedyOf(where, danger.reason, uid), details: { path: danger.path } },
  )
}

function remedyOf(path: string, reason: string, uid: number): string {
  if (reason.startsWith('is writable')) return `chmod go-w ${path}`
  if (reason.startsWith('belongs')) return `chown ${uid === 0 ? 'root' : uid} ${path}`
  return `put the real file or folder in its place, or choose another --home`
}

function parentsOf(path: string): string[] {
  const parents: string[] = []
  for (let at = dirname(path); ; at = dirname(at)) {
    parents.unshift(at)
    if (at === dirname(at)) return parents
  }
}

function stepOf(path: string): PathStep | null {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return null
  const kind = stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : 'other'
  return { path, kind, uid: stat.uid, mode: stat.mode & 0o7777 }
}
