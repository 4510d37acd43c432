import childProcess from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** Every call of node:fs that changes something; those of `fs.promises` have the same names. */
const CHANGING =
  /^(?:append|chmod|chown|copyFile|cp|createWriteStream|fchmod|fchown|fdatasync|fsync|ftruncate|futimes|lchmod|lchown|link|lutimes|mkdir|mkdtemp|mkdtempDisposable|rename|rm|rmdir|symlink|truncate|unlink|utimes|write)/
const OPENING = /^open(?:Sync)?$/
const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants

/** A parser asked for something that no parser may do. */
export class Touched extends Error {
  override readonly name = 'Touched'
}

function isForWriting(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) !== 0
  return typeof flags === 'string' && flags !== 'r' && flags !== 'rs'
}

/**
 * From here on, nobody in this process writes to the file system or starts a process: each such call is remembered and
 * throws. It is remembered too, since code under test could swallow what is thrown.
 */
export function watchWrites(): { readonly taken: () => string | null } {
  let first: string | null = null
  const refuse = (call: string): never => {
    first ??= call
    throw new Touched(`${call} was called`)
  }
  for (const [holder, prefix] of [
    [fs, 'fs.'],
    [fs.promises, 'fs.promises.'],
  ] as const) {
    const calls = holder as unknown as Record<string, unknown>
    for (const [name, original] of Object.entries(calls)) {
      if (typeof original !== 'function') continue
      if (CHANGING.test(name)) calls[name] = () => refuse(prefix + name)
      if (OPENING.test(name)) {
        calls[name] = (path: unknown, flags: unknown, ...rest: unknown[]) =>
          isForWriting(flags) ? refuse(`${prefix}${name}`) : original.call(holder, path, flags, ...rest)
      }
    }
  }
  const starting = childProcess as unknown as Record<string, unknown>
  for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'])
    starting[name] = () => refuse(`child_process.${name}`)
  syncBuiltinESMExports()
  return {
    taken: () => {
      const call = first
      first = null
      return call
    },
  }
}
