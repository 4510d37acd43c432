declare const brand: unique symbol

/** `namespace/name`, both lower case letters, digits and inner hyphens, 1 to 39 characters each. */
export type PluginName = string & { readonly [brand]: 'PluginName' }

/** One half of a name, as the source of a regular expression. */
export const NAME_SEGMENT = '[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?'
export const PLUGIN_NAME = new RegExp(`^${NAME_SEGMENT}/${NAME_SEGMENT}$`)

export function isPluginName(text: string): text is PluginName {
  return PLUGIN_NAME.test(text)
}

export function splitName(name: PluginName): { namespace: string; base: string } {
  const slash = name.indexOf('/')
  return { namespace: name.slice(0, slash), base: name.slice(slash + 1) }
}

/** DESIGN §2: `<namespace>-<name>-<version>.tgz`. */
export function tarballName(name: PluginName, version: string): string {
  return `${name.replace('/', '-')}-${version}.tgz`
}

/**
 * SemVer 2.0.0 grammar; at most 64 characters, because a version names a folder and a file. Numbers of at most 15 digits:
 * beyond 2^53 two versions can no longer be compared, and then nobody could tell a downgrade.
 */
export const SEMVER =
  /^(?=.{1,64}$)(?:0|[1-9]\d{0,14})\.(?:0|[1-9]\d{0,14})\.(?:0|[1-9]\d{0,14})(?:-(?:0|[1-9]\d{0,14}|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d{0,14}|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/
