import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isPluginName, type PluginName } from '../core/name.ts'

/** More than a person would look through. */
const NAMES_MAX = 10_000

/**
 * Names of plugins that have files below `folder`, in their order: a proposal for whoever types one, and never a decision. It
 * opens no database, since that would write beside it.
 */
export function namesOfReleases(folder: string): readonly PluginName[] {
  const names: PluginName[] = []
  for (const namespace of foldersIn(folder)) {
    for (const base of foldersIn(join(folder, namespace))) {
      const name = `${namespace}/${base}`
      if (names.length === NAMES_MAX) return names
      if (isPluginName(name) && foldersIn(join(folder, namespace, base)).length > 0) names.push(name)
    }
  }
  return names
}

/** No link to one. */
export const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
