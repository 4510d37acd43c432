import { toJSONSchema } from 'zod/mini'
import { MANIFEST_SCHEMA } from './manifest.ts'
import { manifestSchema } from './manifest-parser.ts'

/** The JSON Schema of `plugin.json` (draft 2020-12), made from the very value that validates it. */
export function manifestJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'throw' }),
    $id: MANIFEST_SCHEMA,
    title: 'Bulkhead plugin manifest',
  }
}
