import type * as z from 'zod/mini'
import { printable } from './printable.ts'

/** One fault of outside data: where, and which rule it breaks. */
export interface SchemaFault {
  readonly path: string
  readonly message: string
}

/** zod's issues in our words; zod/mini ships none of its own, and `run` must not load a language file. */
export function faultsOf(error: z.core.$ZodError): SchemaFault[] {
  return error.issues.flatMap((issue) => {
    const path = pathOf(issue.path)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'is not a known key' }))
    }
    return [{ path, message: sentenceOf(issue) }]
  })
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `is missing (expected ${issue.expected})`
        : `must be ${article(issue.expected)}`
    case 'too_small':
      return `must be at least ${issue.minimum}`
    case 'too_big':
      return `must be at most ${issue.maximum}`
    case 'invalid_format':
      // zod/mini's own words, where the schema has none for it.
      if (issue.message !== 'Invalid input') return issue.message
      return `has the wrong form${'pattern' in issue && typeof issue.pattern === 'string' ? ` (expected ${issue.pattern})` : ''}`
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
    case 'custom':
      return issue.message
    default:
      return issue.message === '' ? `is invalid (${issue.code})` : issue.message
  }
}

const article = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`)

/** No key of ours is longer, and a fault is said for each. */
const KEY_SHOWN = 64

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = String(key)
    // A key is as much somebody else's text as a value: JSON.stringify would leave DEL, C1 and direction marks as they are.
    const segment = /^[A-Za-z_$][\w$-]{0,63}$/.test(name) ? name : `"${printable(name, KEY_SHOWN)}"`
    return text === '' ? segment : `${text}.${segment}`
  }, '')
}
