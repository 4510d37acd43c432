import type * as z from 'zod/mini'

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

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const name = String(key)
    const segment = /^[A-Za-z_$][\w$-]*$/.test(name) ? name : JSON.stringify(name)
    return text === '' ? segment : `${text}.${segment}`
  }, '')
}
