import * as z from 'zod/mini'
import { DURATION, SIZE } from './quantity.ts'

const size = z.string().check(z.regex(SIZE))
const duration = z.string().check(z.regex(DURATION))
const count = (max: number) => z.int().check(z.gte(1), z.lte(max))

/** Limits as people write them, in a manifest and in the operator's configuration alike. */
export const limitsSchema = z.strictObject({
  memory: z.optional(size),
  cpu: z.optional(z.number().check(z.gte(0.01), z.lte(256))),
  processes: z.optional(count(32_768)),
  files: z.optional(count(1_048_576)),
  tmp: z.optional(size),
  data: z.optional(size),
  fileSize: z.optional(size),
  io: z.optional(size),
  output: z.optional(size),
  timeout: z.optional(duration),
  idle: z.optional(duration),
  connections: z.optional(count(4096)),
  network: z.optional(size),
})
