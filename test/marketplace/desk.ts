import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { SignOptions } from '../../src/marketplace/sign.ts'
import { Marketplace } from '../../src/marketplace.ts'
import { type Bundle, parseBundles } from '../../src/verify/bundle.ts'
import { packed, type ReleaseSpec } from '../helpers/authority.ts'

/** An author's folder with a packed tarball in it, and the keys of whoever signs. */
export interface Desk {
  readonly folder: string
  readonly tarball: string
  readonly market: Marketplace
  at(name: string): string
  /** Makes NAME.key and NAME.pub. */
  key(name: string): Promise<string>
  /** Signs with NAME.key. */
  sign(name: string, options?: Omit<SignOptions, 'key'>): ReturnType<Marketplace['sign']>
  /** The bundles beside the tarball, and whose they say they are. */
  bundles(): readonly Bundle[]
  /** The files of the folder, without the keys. */
  files(): readonly string[]
}

export function desk(context: TestContext, spec: ReleaseSpec = {}, now = () => new Date()): Desk {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-desk-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)
  const tarball = at('acme-hello-1.0.0.tgz')
  writeFileSync(tarball, packed(spec))
  const market = new Marketplace(now)
  const files = () =>
    readdirSync(folder)
      .filter((name) => !/\.(?:key|pub)$/.test(name))
      .sort()
  return {
    folder,
    tarball,
    market,
    at,
    key: async (name) => (await market.generateKey(at(name), null)).id,
    sign: (name, options = {}) => market.sign(tarball, { ...options, key: at(`${name}.key`) }),
    bundles: () => parseBundles(readFileSync(at(files().find((name) => name.includes('.sigstore')) ?? 'none'))),
    files,
  }
}
