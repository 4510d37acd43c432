import { UsageError } from './errors.ts'
import { NAME_SEGMENT, type PluginName } from './name.ts'
import { printable } from './printable.ts'

/** A plugin of a registry as somebody asks for it; without a range, the newest. */
export interface PluginRequest {
  readonly name: PluginName
  /** As npm's semver reads it, one version included; `null`: whichever is the newest. */
  readonly range: string | null
}

const REQUEST = new RegExp(`^(${NAME_SEGMENT}/${NAME_SEGMENT})(?:@([^]*))?$`)
/** The characters of npm's ranges; whether they make one is asked of semver. */
const RANGE = /^[0-9A-Za-z.<>=~^|*+ -]{1,200}$/
const FORM = 'expected NAMESPACE/NAME or NAMESPACE/NAME@RANGE, such as acme/hello@^1'

/** Whether a text asks for a plugin by its name, and is not the path of a tarball. */
export const isRequest = (text: string): boolean => REQUEST.test(text)

/** `NAME`, `NAME@VERSION` or `NAME@RANGE`. @throws UsageError `USAGE` */
export async function parseRequest(text: string): Promise<PluginRequest> {
  const [, name, range] = REQUEST.exec(text) ?? []
  if (name === undefined) throw new UsageError('USAGE', `cannot look for "${printable(text)}": ${FORM}`)
  if (range === undefined) return { name: name as PluginName, range: null }
  if (!(await isRange(range))) {
    throw new UsageError(
      'USAGE',
      `cannot look for "${printable(text)}": "${printable(range)}" is no range of versions`,
      {
        hint: `such as ${name}@1.2.3, "${name}@^1" or "${name}@>=1.2 <2"; ${name} alone means the newest`,
      },
    )
  }
  return { name: name as PluginName, range }
}

/** semver costs more to load than this file and all it needs. */
export async function isRange(text: string): Promise<boolean> {
  return RANGE.test(text) && text.trim() !== '' && (await import('semver')).default.validRange(text) !== null
}
