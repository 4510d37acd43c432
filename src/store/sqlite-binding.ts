import { existsSync } from 'node:fs'

/** glibc's loader, where the platform's ABI puts it: without it the host is musl's, which has a binary of its own. */
const LOADERS: Readonly<Record<string, string>> = {
  x64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
}

/**
 * The driver's binary, found in the two places where npm puts it, beside the package or in it: to let the driver look for
 * itself costs as much as opening the database. `undefined`: it must look for itself.
 */
export function sqliteBinding(): string | undefined {
  const loader = LOADERS[process.arch]
  if (loader === undefined || !existsSync(loader)) return undefined
  const inside = `better-sqlite3/prebuilds/linux-${process.arch}.node`
  // Not `join`: it would take as long as looking.
  return [`${import.meta.dirname}/../../node_modules/${inside}`, `${import.meta.dirname}/../../../../${inside}`].find(
    (path) => existsSync(path),
  )
}
