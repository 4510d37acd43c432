/**
 * Whether a value that was kept as JSON has the shape it was written with. For rows of the database, which only a hand in the
 * file can spoil: yes or no is enough, and a run must not load a schema for it.
 */
export type Shape = (value: unknown) => boolean

export const isText: Shape = (value) => typeof value === 'string'
export const isCount: Shape = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0

export const isOneOf =
  (values: readonly unknown[]): Shape =>
  (value) =>
    values.includes(value)

export const isListOf =
  (item: Shape): Shape =>
  (value) =>
    Array.isArray(value) && value.every(item)

export const isNullOr =
  (shape: Shape): Shape =>
  (value) =>
    value === null || shape(value)

/** Any keys, each value of this shape. */
export const isRecordOf =
  (shape: Shape): Shape =>
  (value) =>
    isObject(value) && Object.values(value).every(shape)

/** These keys; others do no harm, since nobody reads them. */
export const hasFields =
  (fields: Readonly<Record<string, Shape>>): Shape =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([key, shape]) => shape(value[key]))

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
