import { type AgreedProgram, type Agreement, isMore, LIMIT_NAMES } from './agreement.ts'
import { formatLimitValue } from './limit-text.ts'

/**
 * What a release runs without being started, each with what sets it apart from the plugin: another runtime, and limits that are
 * higher. `health, postinstall (python, memory 1G)`.
 */
export function formatHooks(
  { runtime, limits }: Pick<AgreedProgram, 'runtime' | 'limits'>,
  hooks: Agreement['hooks'],
): string {
  const shown = hooks.map((one) => {
    const higher = LIMIT_NAMES.filter((name) => isMore(name, one.limits[name], limits[name]))
    const apart = [
      ...(one.runtime === runtime ? [] : [one.runtime as string]),
      ...higher.map((name) => formatLimitValue(name, one.limits[name]).join(' ')),
    ]
    return apart.length === 0 ? one.hook : `${one.hook} (${apart.join(', ')})`
  })
  return shown.join(', ')
}
