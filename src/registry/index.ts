// The registry: where releases come from, as a folder to pack, a tarball to read, or a list of them elsewhere. It refuses links,
// special files and anything that changes while it is read, and it trusts nothing: it has no opinion on who signed, and
// believes no index. Conductors call it.
export { assertAsListed } from './as-listed.ts'
export { filesOf, type IndexPlan, planIndex } from './build-index.ts'
export { placeBundles, writeNewFile } from './bundle-file.ts'
export { Catalog, type FoundPlugin, type SearchOptions, type SearchReport } from './catalog.ts'
export { readIndex, writeIndex } from './index-folder.ts'
export { type InitOptions, initPlugin } from './init.ts'
export { type Mark, withMark } from './marks.ts'
export { type OpenOptions, openRegistry } from './open-registry.ts'
export { type Packed, type PackOptions, packFolder } from './pack.ts'
export { ROOT_INDEX } from './paths.ts'
export type { AskOptions, FetchOptions, ListedPlugin, Registry } from './registry.ts'
export { type Inspect, surveyFolder } from './survey.ts'
export { BUNDLE_MAX_BYTES, BUNDLE_SUFFIXES, fetchTarball, writeTarball } from './tarball.ts'
