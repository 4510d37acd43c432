import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { withFileLock } from './file-lock.ts'
import { assertSafePath } from './path-safety.ts'
import { EMPTY_DOCUMENT, formatPolicy, POLICY_MAX_BYTES, parsePolicy, type TrustPolicy } from './policy.ts'
import type { PolicyEdit } from './policy-edits.ts'
import { replaceFile } from './replaced-file.ts'
import { readSafeFile } from './safe-file.ts'

/** `trust.json`: read only where nobody else could have written it, changed as a whole or not at all. */
export class TrustFile {
  readonly path: string
  readonly #uid: number
  /** The policy that was read last. It cannot be changed, so the same bytes need no second parse. */
  #last: TrustPolicy | null = null

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
    if (this.#last === null || !this.#last.bytes.equals(bytes)) this.#last = parsePolicy(bytes, this.path)
    return this.#last
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
      replaceFile(this.path, bytes, stillHeld)
      return edited
    })
  }
}
