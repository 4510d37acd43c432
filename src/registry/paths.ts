import { NAME_SEGMENT, type PluginName } from '../core/name.ts'
import { BUNDLE_SUFFIXES } from './tarball.ts'

/** Every plugin once, for searching. */
export const ROOT_INDEX = 'index.json'
/** A file for each plugin is below it: `index/acme/hello.json`. */
export const INDEX_FOLDER = 'index'

export const pluginIndex = (name: PluginName): string => `${INDEX_FOLDER}/${name}.json`
export const PLUGIN_INDEX = new RegExp(`^${INDEX_FOLDER}/(${NAME_SEGMENT}/${NAME_SEGMENT})\\.json$`)

const PATH_MAX = 512
export const DEPTH_MAX = 8
/** No `%`, `:`, `?`, `#` and `\`, and no leading dot: it means the same to a file system, a web server and an address. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,199}$/

/** A path relative to the registry and below it, in the one way that it can be written. */
export function isRegistryPath(path: string): boolean {
  if (path.length > PATH_MAX) return false
  const segments = path.split('/')
  return segments.length <= DEPTH_MAX && segments.every((segment) => SEGMENT.test(segment))
}

export const isTarballPath = (path: string): boolean => isRegistryPath(path) && path.endsWith('.tgz')

/** A bundle lies beside its tarball and has its name. */
export const isBundleOf = (bundle: string, tarball: string): boolean =>
  BUNDLE_SUFFIXES.some((suffix) => bundle === `${tarball}${suffix}`)
