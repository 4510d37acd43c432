import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { Layout } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { InstallReport } from '../../src/manager/admission.ts'
import type { InstallOptions } from '../../src/manager/vetting.ts'
import { PluginManager } from '../../src/manager.ts'
import { packed, type ReleaseSpec } from './authority.ts'

export const HELLO = 'acme/hello' as PluginName
const START = Date.parse('2026-11-10T12:00:00Z')
export const DAY = 86_400_000

/** A home whose clock is the test's, that trusts nobody, and a tarball that nobody signed. */
export class UnsignedHome {
  readonly base: string
  readonly layout: Layout
  nowMs = START
  #count = 0

  constructor(t: TestContext) {
    this.base = mkdtempSync(join(tmpdir(), 'bulkhead-unsigned-'))
    this.layout = new Layout(join(this.base, 'home'))
    t.after(() => rmSync(this.base, { recursive: true, force: true }))
  }

  async with<T>(work: (manager: PluginManager) => Promise<T> | T): Promise<T> {
    await using manager = await PluginManager.open({ home: this.layout.home, now: () => new Date(this.nowMs) })
    return await work(manager)
  }

  tarball(spec: ReleaseSpec = {}): string {
    const folder = join(this.base, `download-${this.#count++}`)
    mkdirSync(folder)
    const path = join(folder, 'release.tgz')
    writeFileSync(path, packed(spec))
    return path
  }

  install(
    path = this.tarball(),
    allowUnsigned: InstallOptions['allowUnsigned'] = { name: HELLO, until: '7d' },
    options: Partial<InstallOptions> = {},
  ): Promise<InstallReport> {
    return this.with((manager) => manager.install(path, { consent: () => true, allowUnsigned, ...options }))
  }

  /** What `run` does before it starts anything. */
  plan(): Promise<unknown> {
    return this.with((manager) => manager.plan(HELLO))
  }

  async release(version = '1.0.0'): Promise<string> {
    return this.with((manager) => {
      const plugin = manager.list().find(({ name }) => name === HELLO)
      return this.layout.release(HELLO, version, plugin?.sha256 as never)
    })
  }

  raw(sql: string, ...values: unknown[]): void {
    const db = new Database(this.layout.database)
    try {
      db.prepare(sql).run(...values)
    } finally {
      db.close()
    }
  }

  /** Nothing of the plugin is on disk, or in a row of what is installed. */
  async isUntouched(): Promise<boolean> {
    const folders = [this.layout.plugins, this.layout.staging].flatMap((folder) => {
      try {
        return readdirSync(folder)
      } catch {
        return [] // never made
      }
    })
    return folders.length === 0 && (await this.with((manager) => manager.list().length === 0))
  }
}
