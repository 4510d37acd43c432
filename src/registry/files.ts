import type { Sha256 } from '../core/digest.ts'
import type { AskOptions } from './registry.ts'

/** What the index says of a file whose bytes are wanted. */
export interface ExpectedFile {
  readonly sha256: Sha256
  readonly bytes: number
}

export interface DownloadOptions extends AskOptions {
  readonly onBytes?: ((done: number) => void) | undefined
}

/** The files of a registry, wherever they are. Paths are those that `isRegistryPath` accepts. */
export interface RegistryFiles {
  /** As a sentence names the file. */
  addressOf(path: string): string
  /** A small file as a whole; `null` when it is not there. */
  read(path: string, maxBytes: number, options: AskOptions): Promise<Buffer | null>
  has(path: string, options: AskOptions): Promise<boolean>
  /** A file of which size and digest are known: those bytes, or an error. `null` when it is not there. */
  download(path: string, expected: ExpectedFile, options: DownloadOptions): Promise<Buffer | null>
}
