import { UsageError } from '../core/errors.ts'
import { isPluginName, type PluginName } from '../core/name.ts'
import { printable } from '../core/printable.ts'

/** A plugin name as somebody typed it. */
export function nameOf(text: string): PluginName {
  // A host in JavaScript may have anything there: a list with a name in it reads as one.
  if (typeof text === 'string' && isPluginName(text)) return text
  throw new UsageError(
    'USAGE',
    `cannot use "${printable(String(text))}" as a plugin's name: expected NAMESPACE/NAME, such as acme/hello`,
  )
}
