import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '../core/digest.ts'
import { PluginError, RegistryError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { DownloadOptions, ExpectedFile, RegistryFiles } from './files.ts'
import { Lanes } from './lanes.ts'
import { otherBytes, otherSize } from './mismatch.ts'
import type { AskOptions } from './registry.ts'

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * A registry that is a folder. Whoever fills it must not make us read other files of this host: no link is followed below
 * it, not even one that takes a folder's place while we look.
 */
export class FolderFiles implements RegistryFiles {
  readonly #folder: string
  /** Of descriptors there may be a thousand, and somebody may ask about as many plugins at once. */
  readonly #lanes = new Lanes(16)

  constructor(folder: string) {
    this.#folder = folder
  }

  addressOf(path: string): string {
    return join(this.#folder, path)
  }

  async read(path: string, maxBytes: number, { signal }: AskOptions): Promise<Buffer | null> {
    signal?.throwIfAborted()
    return this.#within(path, (file) => readWhole(file, maxBytes))
  }

  async has(path: string, { signal }: AskOptions): Promise<boolean> {
    signal?.throwIfAborted()
    return (await this.#within(path, async () => true)) ?? false
  }

  async download(path: string, expected: ExpectedFile, { signal, onBytes }: DownloadOptions): Promise<Buffer | null> {
    signal?.throwIfAborted()
    const address = this.addressOf(path)
    const bytes = await this.#within(path, async (file) => {
      const { size } = await file.stat()
      if (size !== expected.bytes) throw otherSize(address, expected.bytes, size)
      return readWhole(file, expected.bytes)
    })
    if (bytes === null) return null
    const digest = sha256(bytes)
    if (digest !== expected.sha256) throw otherBytes(address, expected.sha256, digest)
    onBytes?.(bytes.length)
    return bytes
  }

  #within<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T | null> {
    return this.#lanes.run(() => this.#opened(path, work))
  }

  /** Each step is opened from the one before it, by its descriptor: what was looked at is what is read. */
  async #opened<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T | null> {
    const steps = path.split('/')
    const last = steps.pop() as string
    let at = await this.#root()
    try {
      for (const step of steps) {
        const next = await open(`/proc/self/fd/${at.fd}/${step}`, FOLDER)
        await at.close()
        at = next
      }
      const file = await open(`/proc/self/fd/${at.fd}/${last}`, FILE)
      try {
        if (!(await file.stat()).isFile()) throw new Unusable('it is not a regular file')
        return await work(file)
      } finally {
        await file.close()
      }
    } catch (error) {
      if (error instanceof PluginError) throw error
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      throw invalid(this.addressOf(path), reasonOf(error as NodeJS.ErrnoException), error)
    } finally {
      await at.close()
    }
  }

  async #root(): Promise<FileHandle> {
    try {
      // The operator's own word: it may be a link.
      return await open(this.#folder, constants.O_RDONLY | constants.O_DIRECTORY)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const reason = code === 'ENOENT' ? 'no such folder' : code === 'ENOTDIR' ? 'it is not a folder' : `${code}`
      throw new RegistryError(
        'REGISTRY_UNREACHABLE',
        `cannot open registry ${printable(this.#folder, 400)}: ${reason}`,
        {
          cause: error,
        },
      )
    }
  }
}

class Unusable extends Error {}

/** One byte more than it should have: a file that grows is seen, and costs no memory. */
async function readWhole(file: FileHandle, maxBytes: number): Promise<Buffer> {
  const { size } = await file.stat()
  if (size > maxBytes) throw new Unusable(`it is ${size} bytes, more than ${maxBytes}`)
  const bytes = Buffer.allocUnsafeSlow(size + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  if (length !== size) throw new Unusable('it changed while it was read')
  return bytes.subarray(0, size)
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error instanceof Unusable) return error.message
  if (error.code === 'ELOOP') return 'it is a symbolic link'
  if (error.code === 'ENOTDIR') return 'a step of its path is no folder, or a symbolic link'
  if (error.code === 'ENXIO') return 'it is not a regular file'
  return error.code ?? 'it cannot be read'
}

const invalid = (address: string, reason: string, cause: unknown): RegistryError =>
  new RegistryError('REGISTRY_INVALID', `cannot read ${printable(address, 400)}: ${reason}`, { cause })
