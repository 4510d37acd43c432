import { UsageError } from './errors.ts'
import { printable } from './printable.ts'

/** The names of all options of a kind, so that the compiler finds the one that is missing here. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>

/**
 * A host in JavaScript is told of a misspelt option as the command line tells it: what was meant to narrow something must not
 * be left out silently.
 *
 * @throws UsageError naming the option. `cannot`: how its sentence begins. `within`: the option that these belong to
 */
export function assertKnownOptions(
  options: object,
  known: Readonly<Record<string, true>>,
  cannot: string,
  within = '',
): void {
  if (typeof options !== 'object' || options === null) {
    const what = within === '' ? 'options' : within.slice(0, -1)
    const found = options === null ? 'null' : `a ${typeof options}`
    throw new UsageError('USAGE', `${cannot}: expected ${what} as an object, found ${found}`, {
      hint: hintOf(known, within),
    })
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name))
  if (unknown === undefined) return
  throw new UsageError('USAGE', `${cannot}: unknown option "${within}${printable(unknown, 80)}"`, {
    hint: hintOf(known, within),
  })
}

/** What cannot be listened to must not be found out when what it was meant to end is on its way. @throws UsageError. `cannot`: how its sentence begins */
export function assertSignal(signal: AbortSignal | undefined, cannot: string): void {
  // One of another realm, or of a library, is as good.
  if ((signal ?? null) === null || typeof signal?.addEventListener === 'function') return
  throw new UsageError('USAGE', `${cannot}: expected signal to be an AbortSignal`, {
    hint: 'the signal of an AbortController is its property `signal`',
  })
}

/** Found out when it is told something, it would end its host there. @throws UsageError. `cannot`: how its sentence begins */
export function assertListener(value: unknown, what: string, cannot: string): void {
  if ((value ?? null) === null || typeof value === 'function') return
  throw new UsageError('USAGE', `${cannot}: expected ${what} to be a function, found a ${typeof value}`)
}

const hintOf = (known: Readonly<Record<string, true>>, within: string): string =>
  `there are ${Object.keys(known)
    .map((name) => `${within}${name}`)
    .join(', ')}`
