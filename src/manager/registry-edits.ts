import { lstatSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { RegistryConfig } from '../core/config.ts'
import { parseConfig } from '../core/config-parser.ts'
import { PluginError, StoreError, UsageError } from '../core/errors.ts'
import { withTopLevelKey } from '../core/json-splice.ts'
import { covers, PATTERN } from '../core/name-pattern.ts'
import { printable } from '../core/printable.ts'
import { REGISTRY_NAME, readAddress } from '../core/registry-address.ts'
import { assertSafePath, readSafeFile, replaceFile, withFileLock } from '../verify/index.ts'
import { absolute, registryNotFound } from './catalog.ts'
import { CONFIG_MAX_BYTES, type Host, readConfig } from './host.ts'

import type { RegistryAdd, RegistryChange, RegistryInfo } from './registries.ts'

/** In the order in which they are asked. */
export async function listRegistries({ layout, caller }: Host): Promise<readonly RegistryInfo[]> {
  return (await readConfig(layout, caller.uid)).registries.map(infoOf)
}

export async function addRegistry(host: Host, name: string, asked: RegistryAdd): Promise<RegistryChange> {
  const row = rowOf(name, asked)
  const { before, after } = await edit(host, (rows, registries) => {
    if (registries.some((one) => one.name === name)) {
      throw new StoreError('WRONG_STATE', `cannot add registry ${name}: there is one of this name`, {
        hint: `plugins registry remove ${name}`,
      })
    }
    return asked.first === true ? [row, ...rows] : [...rows, row]
  })
  const added = infoOf(after.find((one) => one.name === name) as RegistryConfig)
  const { url, namespaces } = added
  host.store.note('registry-added', name, { url, namespaces, first: asked.first === true })
  return { ...added, notes: asked.first === true ? servedNow(added, before) : servedBefore(added, before) }
}

export async function removeRegistry(host: Host, name: string): Promise<RegistryInfo> {
  const { before } = await edit(host, (rows, registries) => {
    const at = registries.findIndex((one) => one.name === name)
    if (at < 0) throw registryNotFound('remove', name, registries)
    return rows.filter((_, index) => index !== at)
  })
  const removed = infoOf(before.find((one) => one.name === name) as RegistryConfig)
  host.store.note('registry-removed', name, { url: removed.url, namespaces: removed.namespaces })
  return removed
}

type Edit = (rows: readonly object[], registries: readonly RegistryConfig[]) => readonly object[]

/** Changes that one key; every other character of the file stays, and what the file says is read before and after. */
async function edit({ layout, caller }: Host, change: Edit) {
  const path = layout.configFile
  assertSafePath(path, caller.uid)
  return locked(path, (stillHeld) => {
    const bytes = readSafeFile(path, caller.uid, CONFIG_MAX_BYTES) ?? Buffer.from('{}\n')
    const { registries: before, ...others } = parseConfig(bytes, path)
    const text = bytes.toString('utf8')
    const { registries: rows = [] } = JSON.parse(text) as { registries?: readonly object[] }
    const edited = change(rows, before)
    const value = JSON.stringify(edited, null, 2).replaceAll('\n', '\n  ')
    const changed = Buffer.from(withTopLevelKey(text, 'registries', edited.length === 0 ? null : value))
    const { registries: after, ...same } = parseConfig(changed, path)
    if (!isDeepStrictEqual(same, others)) {
      throw new PluginError('INTERNAL', `cannot change ${printable(path, 400)}: another setting would change with it`)
    }
    replaceFile(path, changed, stillHeld, modeOf(path))
    return { before, after }
  })
}

const INSECURE_HINT =
  'use https://, or say --insecure: then whoever is in between can hide releases from this host, and still sign none'

/** In the form of the file: what is the default is not written down. */
function rowOf(name: string, { url, namespaces, insecure = false, tokenFile }: RegistryAdd): object {
  const wrong = (what: string, extras: { readonly hint?: string } = {}) =>
    new UsageError('USAGE', `cannot add registry ${printable(name, 80)}: ${what}`, extras)
  if (!REGISTRY_NAME.test(name)) throw wrong('expected a name of 1 to 39 of a-z, 0-9 and inner -')
  const reading = readAddress(absolute(url), insecure)
  if (!reading.ok) {
    const isOnlyPlain = readAddress(absolute(url), true).ok
    throw wrong(`"${printable(url)}": ${reading.fault}`, isOnlyPlain ? { hint: INSECURE_HINT } : {})
  }
  const pattern = namespaces?.find((one) => !PATTERN.test(one))
  if (pattern !== undefined) throw wrong(`"${printable(pattern)}" is no pattern: expected acme/hello, acme/* or */*`)
  const { address } = reading
  return {
    name,
    url: address.kind === 'folder' ? address.path : address.url,
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(insecure ? { insecure } : {}),
    ...(tokenFile === undefined ? {} : { tokenFile: absolute(tokenFile) }),
  }
}

const infoOf = ({ address, ...rest }: RegistryConfig): RegistryInfo => ({
  name: rest.name,
  url: address.kind === 'folder' ? address.path : address.url,
  namespaces: rest.namespaces,
  insecure: rest.insecure,
  tokenFile: rest.tokenFile,
})

/** What the new one will never be asked for. */
const servedBefore = ({ namespaces }: RegistryInfo, before: readonly RegistryConfig[]): string[] =>
  namespaces.flatMap((pattern) => {
    const other = before.find((one) => one.namespaces.some((broad) => covers(broad, pattern)))
    return other === undefined
      ? []
      : [`${pattern} is served by ${other.name}, which comes before it; --first changes that`]
  })

/** What others will not be asked for any more. */
const servedNow = ({ name, namespaces }: RegistryInfo, before: readonly RegistryConfig[]): string[] =>
  before.flatMap((other) =>
    other.namespaces
      .filter((narrow) => namespaces.some((broad) => covers(broad, narrow)))
      .map((pattern) => `${pattern} was served by ${other.name}, and is by ${name} alone now`),
  )

function modeOf(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat === undefined ? 0o644 : stat.mode & 0o777
}

async function locked<T>(path: string, work: (stillHeld: () => boolean) => T): Promise<T> {
  try {
    return await withFileLock(path, work)
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new PluginError('DISK_FAILED', `cannot change ${printable(path, 400)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
