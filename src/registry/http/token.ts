import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { PluginError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'

const TOKEN_MAX_BYTES = 4096
/** RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]{1,4000}=*$/

/** Read when it is first needed, and once. */
export class TokenFile {
  readonly #path: string
  readonly #uid: number
  #token: Promise<string> | null = null

  constructor(path: string, uid: number) {
    this.#path = path
    this.#uid = uid
  }

  read(): Promise<string> {
    this.#token ??= readToken(this.#path, this.#uid)
    return this.#token
  }
}

/**
 * The one line of a token file. It must be root's or the caller's, and nobody else may read it.
 * @throws PluginError `TOKEN_FILE_INVALID`; nothing of the file is in it
 */
async function readToken(path: string, uid: number): Promise<string> {
  const invalid = (reason: string, extras: { hint?: string; cause?: unknown } = {}) =>
    new PluginError('TOKEN_FILE_INVALID', `cannot use the token file ${printable(path, 400)}: ${reason}`, extras)
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ELOOP' ? 'it is a symbolic link' : code === 'ENOENT' ? 'it is not there' : `${code}`
    throw invalid(reason, { cause: error })
  }
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw invalid('it is not a regular file')
    if (stat.uid !== 0 && stat.uid !== uid) throw invalid(`it belongs to user ${stat.uid}`)
    if ((stat.mode & 0o077) !== 0) {
      throw invalid(`others may read or write it (mode ${(stat.mode & 0o7777).toString(8)})`, {
        hint: `chmod 600 ${printable(path, 400)}`,
      })
    }
    if (stat.size > TOKEN_MAX_BYTES) throw invalid(`expected at most ${TOKEN_MAX_BYTES} bytes, found ${stat.size}`)
    const bytes = Buffer.alloc(TOKEN_MAX_BYTES)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    const token = bytes.toString('latin1', 0, bytesRead).replace(/\r?\n$/, '')
    if (!TOKEN.test(token)) throw invalid('expected one line of letters, digits and . _ ~ + / - =')
    return token
  } finally {
    await file.close()
  }
}
