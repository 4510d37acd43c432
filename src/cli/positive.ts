import { UsageError } from '../index.ts'

/** A whole number from 1, as an option's value. */
export function positive(text: string, flag: string): number {
  const value = Number(text)
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError('USAGE', `cannot use ${flag} "${text}": expected a whole number from 1`)
  return value
}
