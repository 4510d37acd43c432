export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Path = readonly (string | number)[]

/** A JSON document with one place changed; `undefined` removes it. Written on one line, as bundles are. */
export function edited(document: Buffer, path: Path, value: Json | undefined): Buffer {
  return Buffer.from(`${JSON.stringify(changed(JSON.parse(document.toString()), path, value))}\n`)
}

export function changed(holder: unknown, [step, ...rest]: Path, value: Json | undefined): unknown {
  if (step === undefined) return value
  const copy: Record<string | number, unknown> = Array.isArray(holder)
    ? (holder.slice() as unknown as Record<number, unknown>)
    : { ...(holder as object) }
  const inner = changed(copy[step], rest, value)
  if (inner === undefined) delete copy[step]
  else Object.defineProperty(copy, step, { value: inner, enumerable: true, configurable: true, writable: true })
  return copy
}

/** Every place of a document that holds a value, the whole document left out. */
export function* places(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value)) {
    const step = Array.isArray(value) ? Number(key) : key
    yield [...path, step]
    yield* places((value as Record<string, unknown>)[key], [...path, step])
  }
}
