import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sha256 } from '../../core/digest.ts'
import { FetchError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'

const PART = /^[0-9a-f]{64}\.part$/
const AGE_MAX_MS = 24 * 3_600_000
const ALL_MAX_BYTES = 512 * 2 ** 20

/**
 * What was fetched of a tarball when its transfer broke off, for the next command: `<sha256>.part`. Two processes may write
 * one at once. What each of them uses is what it has in memory; what lies here is only a beginning that is hashed again.
 */
export class Downloads {
  readonly #folder: string
  readonly #uid: number

  constructor(folder: string, uid: number) {
    this.#folder = folder
    this.#uid = uid
  }

  /** @throws FetchError `DOWNLOAD_FAILED` when the folder is not ours alone, or cannot be written */
  async open(sha256: Sha256, bytes: number): Promise<PartFile> {
    try {
      await this.#prepare()
      await this.#sweep()
      return await this.#part(join(this.#folder, `${sha256}.part`), bytes)
    } catch (error) {
      if (error instanceof FetchError) throw error
      throw this.#unusable((error as Error).message, error)
    }
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const stat = await lstat(this.#folder)
    if (!stat.isDirectory()) throw this.#unusable('it is not a folder')
    if (stat.uid !== this.#uid) throw this.#unusable(`it belongs to user ${stat.uid}`)
    if ((stat.mode & 0o022) !== 0) throw this.#unusable('others may write there')
  }

  /** Ours, and nobody else's name for it; anything else makes way. */
  async #part(path: string, bytes: number): Promise<PartFile> {
    const kept = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error) => {
      if (['ENOENT', 'ELOOP', 'ENXIO'].includes(error.code)) return null
      throw error
    })
    if (kept !== null) {
      const stat = await kept.stat()
      const isOurs = stat.isFile() && stat.uid === this.#uid && stat.nlink === 1 && (stat.mode & 0o077) === 0
      if (isOurs && stat.size <= bytes) return new PartFile(kept, path, stat.size)
      await kept.close()
    }
    await rm(path, { force: true })
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    return new PartFile(await open(path, flags, 0o600), path, 0)
  }

  /** What is a day old goes, and the oldest while all of them together are too much. */
  async #sweep(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => PART.test(name))
    const parts = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name)
        const stat = await lstat(path).catch(() => null) // another command has swept it
        return stat === null ? [] : [{ path, size: stat.size, atMs: stat.mtimeMs }]
      }),
    )
    let left = ALL_MAX_BYTES
    for (const { path, size, atMs } of parts.flat().sort((a, b) => b.atMs - a.atMs)) {
      left -= size
      if (left < 0 || Date.now() - atMs > AGE_MAX_MS) await rm(path, { force: true })
    }
  }

  #unusable(reason: string, cause?: unknown): FetchError {
    return new FetchError('DOWNLOAD_FAILED', `cannot keep downloads in ${printable(this.#folder, 400)}: ${reason}`, {
      cause,
      hint: 'the folder may be removed; it is made anew',
    })
  }
}

export class PartFile {
  readonly #file: FileHandle
  readonly #path: string
  #length: number
  /** It can hold no more, and the transfer goes on without it. */
  #isBroken = false

  constructor(file: FileHandle, path: string, length: number) {
    this.#file = file
    this.#path = path
    this.#length = length
  }

  /** What an earlier command left. */
  async kept(): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(this.#length)
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, 0)
    this.#length = bytesRead
    return bytes.subarray(0, bytesRead)
  }

  async append(chunk: Buffer): Promise<void> {
    if (this.#isBroken) return
    try {
      await this.#file.write(chunk, 0, chunk.length, this.#length)
      this.#length += chunk.length
    } catch {
      // A full disk: only the next command would have gained by it, and this one can still be done.
      this.#isBroken = true
    }
  }

  async restart(): Promise<void> {
    this.#length = 0
    await this.#file.truncate(0).catch(() => {
      this.#isBroken = true
    })
  }

  /** `keep`: there will be another attempt. */
  async close(keep: boolean): Promise<void> {
    await this.#file.close()
    if (!keep || this.#isBroken || this.#length === 0) await rm(this.#path, { force: true })
  }
}
