import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { InstallOptions } from '../../src/manager/vetting.ts'
import { PluginManager } from '../../src/manager.ts'
import { formatPublicKey } from '../../src/verify/keyfile.ts'
import { type Authority, authority, type PublishedRelease, type ReleaseSpec } from './authority.ts'

/** A home of its own that trusts one publisher for `acme/*`, and a folder where releases lie as they were downloaded. */
export class AttackedHome {
  readonly base: string
  readonly home: string
  readonly publisher: Authority
  #count = 0

  private constructor(base: string, publisher: Authority) {
    this.base = base
    this.home = join(base, 'home')
    this.publisher = publisher
  }

  static async make(t: TestContext, { isTrusted = true }: { isTrusted?: boolean } = {}): Promise<AttackedHome> {
    const base = mkdtempSync(join(tmpdir(), 'bulkhead-attack-'))
    t.after(() => rmSync(base, { recursive: true, force: true }))
    const made = new AttackedHome(base, await authority())
    if (isTrusted)
      await made.with(async (manager) => void (await manager.trust.add(made.keyFile(), { pattern: 'acme/*' })))
    return made
  }

  /** The public key as people pass it on. */
  keyFile(of: Authority = this.publisher): string {
    const path = join(this.base, `${of.keyId.slice(8, 20)}.pub`)
    writeFileSync(path, formatPublicKey(of.key.publicKey, 'acme'))
    return path
  }

  async with<T>(work: (manager: PluginManager) => Promise<T> | T): Promise<T> {
    await using manager = await PluginManager.open({ home: this.home })
    return await work(manager)
  }

  /** Tarball and bundle beside each other; gives the tarball's path. */
  download(release: PublishedRelease): string {
    const folder = join(this.base, `download-${this.#count++}`)
    mkdirSync(folder)
    const path = join(folder, 'release.tgz')
    writeFileSync(path, release.tarball)
    writeFileSync(`${path}.sigstore.json`, release.bundle)
    return path
  }

  async install(spec: ReleaseSpec = {}, options: InstallOptions = { consent: () => true }): Promise<string> {
    const path = this.download(this.publisher.publish(spec))
    await this.with((manager) => manager.install(path, options))
    return path
  }

  /** Names in the home's folder for releases in the making. */
  staged(): string[] {
    try {
      return readdirSync(join(this.home, 'staging'))
    } catch {
      return []
    }
  }
}
