import * as z from 'zod/mini'
import type { LimitRequest } from './limits.ts'
import { DURATION, parseDuration, parseSize, SIZE } from './quantity.ts'

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
  output: z.optional(size),
  timeout: z.optional(duration),
  idle: z.optional(duration),
})

/** The same in the units that the rest of the code counts in. */
export function requestOf(asked: z.output<typeof limitsSchema>): LimitRequest {
  const sized = (value: string | undefined) => (value === undefined ? undefined : parseSize(value))
  const timed = (value: string | undefined) => (value === undefined ? undefined : parseDuration(value))
  return {
    memoryBytes: sized(asked.memory),
    cpu: asked.cpu,
    processesMax: asked.processes,
    filesMax: asked.files,
    tmpBytes: sized(asked.tmp),
    dataBytes: sized(asked.data),
    outputBytes: sized(asked.output),
    timeoutMs: timed(asked.timeout),
    idleMs: timed(asked.idle),
  }
}
