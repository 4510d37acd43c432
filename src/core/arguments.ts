import { UsageError } from './errors.ts'

/** What a host passes to a program: a text as it is, and anything else as its JSON. */
export type Argument = string | number | boolean | null | object

/** @throws UsageError naming the argument that has no JSON: a function, `undefined`, NaN, a circle */
export function argumentTexts(plugin: string, args: readonly Argument[]): string[] {
  if (!Array.isArray(args)) throw new UsageError('USAGE', `cannot run ${plugin}: args must be an array`)
  return args.map((value, at) => {
    if (typeof value === 'string') return value
    const text = jsonOf(value)
    if (text.json !== undefined) return text.json
    throw new UsageError('USAGE', `cannot run ${plugin}: args[${at}] ${text.fault}`, {
      hint: 'an argument is a text, or a value that JSON has',
    })
  })
}

function jsonOf(value: unknown): { readonly json?: string | undefined; readonly fault: string } {
  // JSON.stringify would make `null` of it, which is another value.
  if (typeof value === 'number' && !Number.isFinite(value)) return { fault: `is ${value}` }
  try {
    return { json: JSON.stringify(value), fault: `is ${value === undefined ? 'undefined' : `a ${typeof value}`}` }
  } catch (error) {
    return { fault: `has no JSON: ${(error as Error).message.split('\n')[0]}` }
  }
}
