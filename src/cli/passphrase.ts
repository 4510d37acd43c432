import { readFile } from 'node:fs/promises'
import { UsageError } from '../index.ts'
import type { Io } from './io.ts'

export interface PassphraseOptions {
  readonly passphraseFile?: string
}

/** From the file that was named, else asked for; `null` when there is no terminal to ask on. */
export async function readPassphrase(io: Io, file: string | undefined, question: string): Promise<string | null> {
  if (file === undefined) return io.secret(question)
  try {
    return (await readFile(file, 'utf8')).split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    throw new UsageError('FILE_UNREADABLE', `cannot read the passphrase: ${(error as Error).message}`, { cause: error })
  }
}
