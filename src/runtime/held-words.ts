import { UsageError } from '../core/errors.ts'

/** Beside the numbers of signals. */
const LET_GO = 65
/** As hold.h has it: the arguments that a held run can be told, each with its end. */
const BYTES_MAX = 60 * 1024
/** Of the 4,096 fields that a specification has at most, so that a start in the place of one that was held takes them too. */
const WORDS_MAX = 3_000

/** @throws UsageError */
export function assertHeldWords(args: readonly string[]): void {
  if (args.length > WORDS_MAX)
    throw new UsageError('USAGE', `cannot pass on ${args.length} arguments: what is held is told at most ${WORDS_MAX}`)
  const length = args.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0)
  if (length > BYTES_MAX)
    throw new UsageError(
      'USAGE',
      `cannot pass on arguments of ${length} bytes: what is held is told at most ${BYTES_MAX}`,
    )
  if (args.some((word) => word.includes('\0') || !word.isWellFormed()))
    throw new UsageError('USAGE', 'cannot pass on the arguments: one holds a NUL byte, or is not Unicode text')
}

/** One message of the control pipe: what it is, its length, and the arguments, each with its end. @throws UsageError */
export function heldWords(args: readonly string[]): Buffer {
  assertHeldWords(args)
  const text = args.map((word) => `${word}\0`).join('')
  const words = Buffer.alloc(5 + Buffer.byteLength(text))
  words.writeUInt8(LET_GO, 0)
  words.writeUInt32LE(words.length - 5, 1)
  words.write(text, 5)
  return words
}
