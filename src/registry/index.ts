// The registry: where releases come from, as a folder to pack or a tarball to read. It refuses links, special files and
// anything that changes while it is read, and it trusts nothing: it has no opinion on who signed. Conductors call it.
export { placeBundles, writeNewFile } from './bundle-file.ts'
export { initPlugin } from './init.ts'
export { type Packed, type PackOptions, packFolder } from './pack.ts'
export { BUNDLE_MAX_BYTES, BUNDLE_SUFFIXES, fetchTarball, writeTarball } from './tarball.ts'
