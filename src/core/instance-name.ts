import { UsageError } from './errors.ts'

/** As a host calls one sandbox of a plugin: what fits in a line of `ps`, and can be told from everything else in it. */
const INSTANCE = /^[a-z0-9-]{1,32}$/

/** @throws UsageError saying what was expected and what was found */
export function instanceNameOf(plugin: string, name: unknown): string | null {
  if (name === undefined || name === null) return null
  if (typeof name === 'string' && INSTANCE.test(name)) return name
  const found = typeof name === 'string' ? JSON.stringify(name.slice(0, 64)) : `a ${typeof name}`
  throw new UsageError(
    'USAGE',
    `cannot call an instance of ${plugin} ${found}: expected 1 to 32 of a-z, 0-9 and hyphens`,
  )
}
