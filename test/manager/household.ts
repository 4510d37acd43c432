import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { sha256 } from '../../src/core/digest.ts'
import { Layout, packageOf } from '../../src/core/layout.ts'
import type { PluginName } from '../../src/core/name.ts'
import { type ConsentQuestion, type InstallReport, openManager, type PluginManager } from '../../src/index.ts'
import { closeData } from '../../src/runtime/index.ts'
import { grant, TrustFile } from '../../src/verify/index.ts'
import { type Authority, authority, type ReleaseSpec } from '../helpers/authority.ts'

export const HELLO = 'acme/hello' as PluginName
export const agree = () => true

/** A `plugin.json` for `ReleaseSpec.files`. */
export const manifestOf = (rest: object = {}): string =>
  JSON.stringify({ name: HELLO, version: '1.0.0', entry: { runtime: 'exec', path: 'bin/x' }, ...rest })

export interface Household {
  readonly layout: Layout
  readonly publisher: Authority
  manager: PluginManager
  /** Writes a signed tarball and gives its path. */
  publish(spec?: ReleaseSpec): string
  install(spec?: ReleaseSpec, options?: { allowDowngrade?: boolean }): Promise<InstallReport>
  /** The package folder of what is installed. */
  packageOf(name?: PluginName): string
  /** Everything on disk but the database, and every row but the trail and the clock: what must be the same after a refusal. */
  state(): unknown
  reopen(): Promise<PluginManager>
  raw<T>(work: (db: Database.Database) => T): T
}

/** A home of this test alone, where `publisher` may sign `acme/*`; gone when the test ends. */
export async function household(context: TestContext): Promise<Household> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-home-'))
  const layout = new Layout(join(folder, 'home'))
  mkdirSync(layout.home, { mode: 0o700 })
  const publisher = await authority()
  await trust(layout, publisher)
  let count = 0
  const house: Household = {
    layout,
    publisher,
    manager: await openManager({ home: layout.home }),
    publish(spec = {}) {
      const { tarball, bundle } = publisher.publish(spec)
      return writeRelease(join(folder, `dist-${count++}`), tarball, bundle)
    },
    install(spec = {}, options = {}) {
      return house.manager.install(house.publish(spec), { consent: agree, ...options })
    },
    packageOf(name = HELLO) {
      const [plugin] = house.manager.list().filter((one) => one.name === name)
      if (plugin === undefined) throw new Error(`${name} is not installed`)
      return packageOf(layout.release(name, plugin.version, plugin.sha256 as never))
    },
    state: () => ({ files: listing(layout.home), rows: house.raw(rowsOf) }),
    async reopen() {
      await house.manager.close()
      house.manager = await openManager({ home: layout.home })
      return house.manager
    },
    raw(work) {
      const db = new Database(layout.database)
      try {
        return work(db)
      } finally {
        db.close()
      }
    },
  }
  context.after(async () => {
    await house.manager.close()
    const data = join(layout.home, 'data')
    for (const namespace of existsSync(data) ? readdirSync(data) : [])
      for (const base of readdirSync(join(data, namespace))) closeData(join(data, namespace, base))
    rmSync(folder, { recursive: true, force: true })
  })
  return house
}

export async function trust(layout: Layout, publisher: Authority, pattern = 'acme/*'): Promise<void> {
  const { publicKey } = publisher.key
  await new TrustFile(layout.trustFile, process.geteuid?.() ?? 0).edit((document) =>
    grant(document, { credential: { publicKey }, pattern }),
  )
}

export function writeRelease(dir: string, tarball: Buffer, bundle: Buffer | null): string {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'release.tgz')
  writeFileSync(path, tarball)
  rmSync(`${path}.sigstore.json`, { force: true })
  rmSync(`${path}.sigstore.jsonl`, { force: true })
  if (bundle !== null)
    writeFileSync(`${path}.sigstore.${bundle.indexOf('\n') === bundle.length - 1 ? 'json' : 'jsonl'}`, bundle)
  return path
}

/** Asks to be told what is asked, and agrees. */
export function questions(): { asked: ConsentQuestion[]; consent: (question: ConsentQuestion) => boolean } {
  const asked: ConsentQuestion[] = []
  return { asked, consent: (question) => asked.push(question) > 0 }
}

function listing(folder: string, at = ''): string[] {
  return readdirSync(join(folder, at))
    .sort()
    .filter((name) => !name.startsWith('bulkhead.db'))
    .flatMap((name) => {
      const path = join(at, name)
      const stat = lstatSync(join(folder, path))
      const mode = (stat.mode & 0o7777).toString(8)
      if (stat.isDirectory()) return [`${path}/ ${mode}`, ...listing(folder, path)]
      return [`${path} ${mode} ${stat.isFile() ? sha256(readFileSync(join(folder, path))) : 'special'}`]
    })
}

function rowsOf(db: Database.Database): unknown {
  const tables = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('events', 'clock')")
    .all()
  return (tables as { name: string }[]).map(({ name }) => [name, db.prepare(`SELECT * FROM "${name}"`).all()])
}

/** As root would, whatever the mode. */
export function rewrite(path: string, content: string | Buffer): void {
  const { mode } = lstatSync(path)
  chmodSync(path, 0o644)
  writeFileSync(path, content)
  chmodSync(path, mode & 0o7777)
}
