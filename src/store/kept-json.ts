import { StoreError } from '../core/errors.ts'

/**
 * A value as it was kept in a column, when it still has the shape it was written with.
 * @throws StoreError `STORE_UNREADABLE` naming the row: only a hand in the file makes anything else of it
 */
export function keptJson<T>(text: string, is: (value: unknown) => value is T, path: string, what: string): T {
  const value = parsed(text)
  if (is(value)) return value
  throw new StoreError('STORE_UNREADABLE', `cannot read ${path}: ${what} makes no sense`, {
    hint: 'if it is damaged, put a copy from before in its place',
  })
}

/** SQLite holds its columns to be JSON; a file that was written past its checks is damaged all the same. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
