import { CEILINGS, DEFAULTS, formatLimits, openMarketplace, PROFILES } from '../../index.ts'
import type { Section } from '../manual/page.ts'

/** What this reads of a JSON Schema. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly const?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

/** From the schema that validates, and from the limits that runs are given. */
export async function manifest(): Promise<readonly Section[]> {
  const schema = (await (await openMarketplace()).schema()) as Schema
  return [
    {
      title: 'Keys of plugin.json',
      parts: [
        { rows: keysOf(schema, '') },
        'Any other key is a fault. plugins validate DIR tells every fault at once, each with its path; plugins schema prints all the rules.',
      ],
    },
    {
      title: 'Limits of a manifest that asks for none, by the profile of the host',
      parts: [{ rows: PROFILES.map((profile) => [profile, formatLimits({ ...DEFAULTS[profile], fileSizeBytes: 0 })]) }],
    },
    {
      title: 'The most that is given',
      parts: [
        { rows: PROFILES.map((profile) => [profile, formatLimits(CEILINGS[profile])]) },
        "config.json can have other numbers. What is above the host's is cut, and said at install. A runtime that needs more to start at all is given that.",
      ],
    },
  ]
}

/** Each key by its path; what has the same keys as something before it says so instead. */
function keysOf(
  { properties = {}, required = [] }: Schema,
  prefix: string,
  seen = new Map<string, string>(),
): (readonly [string, string])[] {
  return Object.entries(properties).flatMap(([key, value]) => {
    const path = `${prefix}${key}`
    const needed = required.includes(key) && value.default === undefined ? ', needed' : ''
    if (value.properties === undefined) return [[path, `${formOf(value)}${needed}`] as const]
    const shape = Object.keys(value.properties).join(' ')
    const before = seen.get(shape)
    if (before !== undefined) return [[path, `as ${before}${needed}`] as const]
    seen.set(shape, path)
    return [[path, `${formOf(value)}${needed}`] as const, ...keysOf(value, `${path}.`, seen)]
  })
}

function formOf({ type, enum: choices, const: only, items, minimum, maximum }: Schema): string {
  if (only !== undefined) return only
  if (choices !== undefined) return choices.join(', ')
  if (type === 'array') return `list of ${items?.enum?.join(', ') ?? `${items?.type ?? 'value'}s`}`
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < 2 ** 31
  return isBounded ? `${type}, ${minimum} to ${maximum}` : (type ?? 'any value')
}
