// A registry as its keeper has it: a folder with real signed tarballs, and the index that `plugins registry build` makes.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RegistryConfig } from '../../src/core/config.ts'
import type { ListedRelease } from '../../src/core/listed-release.ts'
import { type PluginName, tarballName } from '../../src/core/name.ts'
import { readAddress } from '../../src/core/registry-address.ts'
import { Marketplace } from '../../src/marketplace.ts'
import { type Authority, authority, type PublishedRelease, type ReleaseSpec } from '../helpers/authority.ts'

export const HELLO = 'acme/hello' as PluginName
export const LISTED_AT = new Date('2026-11-02T10:00:00Z')

export interface Shelf {
  readonly folder: string
  readonly publisher: Authority
  readonly marketplace: Marketplace
  /** Signs a release and puts it there; the index is not made anew. */
  put(spec?: ReleaseSpec & { at?: string }): PublishedRelease & { path: string }
  build(): Promise<unknown>
  read(path: string): string
  write(path: string, content: string | Buffer): void
  /** Changes what the index says of `acme/hello`, as text. */
  tamper(change: (text: string) => string, path?: string): void
}

export async function shelf(t: TestContext, ...specs: readonly ReleaseSpec[]): Promise<Shelf> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-shelf-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const publisher = await authority()
  const marketplace = new Marketplace(() => LISTED_AT)
  const own: Shelf = {
    folder,
    publisher,
    marketplace,
    put({ at, ...spec } = {}) {
      const release = publisher.publish(spec)
      const { name, version } = release.statement
      const path = at ?? tarballName(name, version)
      own.write(path, release.tarball)
      own.write(`${path}.sigstore.json`, release.bundle)
      return { ...release, path }
    },
    build: () => marketplace.buildRegistry(folder),
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    write(path, content) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), content)
    },
    tamper(change, path = 'index/acme/hello.json') {
      own.write(path, change(own.read(path)))
    },
  }
  for (const spec of specs) own.put(spec)
  if (specs.length > 0) await own.build()
  return own
}

export function configOf(url: string, rest: Partial<RegistryConfig> = {}): RegistryConfig {
  const reading = readAddress(url, rest.insecure ?? false)
  if (!reading.ok) throw new Error(reading.fault)
  return { name: 'main', address: reading.address, namespaces: ['*/*'], insecure: false, tokenFile: null, ...rest }
}

/** A release with so much in it that cannot be compressed. */
export const bulky = (bytes: number, rest: ReleaseSpec = {}): ReleaseSpec => {
  let state = 1
  const noise = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    noise[at] = state >>> 24
  }
  return { ...rest, files: { ...rest.files, 'noise.bin': noise } }
}

export const only = <T>(values: readonly T[] | null): T => {
  if (values?.length !== 1) throw new Error(`expected one, found ${values?.length}`)
  return values[0] as T
}

export const listed = (rest: Partial<ListedRelease> = {}): ListedRelease => ({
  registry: 'main',
  name: HELLO,
  version: '1.0.0',
  sha256: 'a'.repeat(64) as ListedRelease['sha256'],
  bytes: 1,
  description: null,
  listedAtMs: null,
  yanked: null,
  deprecated: null,
  requires: {},
  engines: {},
  platforms: null,
  ...rest,
})
