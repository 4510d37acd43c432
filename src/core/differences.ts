import { printable } from './printable.ts'

/** One difference between two JSON values, by the place where it is. */
export interface Difference {
  readonly detail: string
  readonly before: unknown
  readonly after: unknown
}

/**
 * What is another in `after` than in `before`, in words. Lists are compared as sets: a person or a key that stands
 * elsewhere in the file is the same. Fields it has never heard of are compared too, so that nothing new is passed over.
 */
export function differences(label: string, before: unknown, after: unknown): Difference[] {
  if (Array.isArray(before) || Array.isArray(after)) {
    return listDifferences(label, asList(before), asList(after))
  }
  if (isRecord(before) && isRecord(after)) {
    const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return fields.flatMap((field) => differences(`${label}: ${printable(field)}`, before[field], after[field]))
  }
  if (JSON.stringify(before ?? null) === JSON.stringify(after ?? null)) return []
  return [
    {
      detail: `${label} ${isMissing(after) ? 'is not set any more' : `is ${shown(after)}`}, was ${isMissing(before) ? 'not set' : shown(before)}`,
      before: before ?? null,
      after: after ?? null,
    },
  ]
}

function listDifferences(label: string, before: readonly unknown[], after: readonly unknown[]): Difference[] {
  const then = new Map(before.map((item) => [nameOf(item), item]))
  const now = new Map(after.map((item) => [nameOf(item), item]))
  return [...new Set([...then.keys(), ...now.keys()])].flatMap((name) => {
    const [was, is] = [then.get(name), now.get(name)]
    const what = `${label}: ${printable(name, 200)}`
    if (was === undefined) return [{ detail: `${what} was added`, before: null, after: is }]
    if (is === undefined) return [{ detail: `${what} was removed`, before: was, after: null }]
    return differences(what, was, is)
  })
}

/** What an item of a list is called: the field that tells it from its siblings, else all of it. */
function nameOf(item: unknown): string {
  if (!isRecord(item)) return typeof item === 'string' ? item : JSON.stringify(item)
  if (typeof item.id === 'string') return item.id
  if (typeof item.target === 'string') return item.target
  if (typeof item.issuer === 'string' && typeof item.identity === 'string') return `${item.issuer} ${item.identity}`
  return JSON.stringify(item)
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : isMissing(value) ? [] : [value])

const isMissing = (value: unknown): boolean => value === undefined || value === null

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const shown = (value: unknown): string => printable(typeof value === 'string' ? value : JSON.stringify(value), 200)
