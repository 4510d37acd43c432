import { randomBytes } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import { withFileLock } from './file-lock.ts'
import { assertSafePath } from './path-safety.ts'
import { EMPTY_DOCUMENT, formatPolicy, POLICY_MAX_BYTES, parsePolicy, type TrustPolicy } from './policy.ts'
import type { PolicyEdit } from './policy-edits.ts'
import { readSafeFile } from './safe-file.ts'

/** `trust.json`: read only where nobody else could have written it, changed as a whole or not at all. */
export class TrustFile {
  readonly path: string
  readonly #uid: number

  /** `uid`: the caller's; the file and its folders must be root's or theirs. */
  constructor(path: string, uid: number) {
    this.path = path
    this.#uid = uid
  }

  /**
   * A file that is not there trusts nobody.
   * @throws VerificationError `POLICY_UNSAFE`, `POLICY_INVALID`.
   */
  read(): TrustPolicy {
    const bytes = readSafeFile(this.path, this.#uid, POLICY_MAX_BYTES) ?? formatPolicy(EMPTY_DOCUMENT)
    return parsePolicy(bytes, this.path)
  }

  /** Changes the file by `edit`, under a lock; the new file is parsed before it takes the old one's place. */
  async edit(edit: (document: TrustPolicy['document']) => PolicyEdit): Promise<PolicyEdit> {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 })
    assertSafePath(this.path, this.#uid)
    return withFileLock(this.path, (stillHeld) => {
      const before = this.read()
      const edited = edit(before.document)
      if (edited.document === before.document) return edited
      const bytes = formatPolicy(edited.document)
      parsePolicy(bytes, this.path)
      this.#replace(bytes, stillHeld)
      return edited
    })
  }

  #replace(bytes: Buffer, stillHeld: () => boolean): void {
    const draft = `${this.path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
    try {
      const fd = openSync(draft, 'wx', 0o600)
      try {
        writeFileSync(fd, bytes)
        // Public material: readable by all, so that a person can review it; whatever the umask says, writable by one.
        fchmodSync(fd, 0o644)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      if (!stillHeld()) {
        throw new StoreError('STORE_BUSY', `cannot change ${printable(this.path, 400)}: the lock was taken over`, {
          hint: 'try again',
        })
      }
      renameSync(draft, this.path)
    } catch (error) {
      rmSync(draft, { force: true })
      throw error
    }
    const folder = openSync(dirname(this.path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  }
}
