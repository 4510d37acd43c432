import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { PluginManager } from '../src/index.ts'
import { Driver } from './driver.ts'
import { changeLarge, LARGE, LESS, sizeOf, writeLarge, writeTiny } from './fixtures.ts'

export const CHECKOUT = resolve(import.meta.dirname, '..')
export const LAUNCHER = join(CHECKOUT, 'dist/launcher', `linux-${process.arch}`, 'bulkhead-launch')
export const BWRAP = '/usr/bin/bwrap'

/** The library as it is published, not its source: what is bundled is part of what is measured. */
const library = (await import(join(CHECKOUT, 'dist/js/index.js'))) as typeof import('../src/index.ts')

/** What programs under measurement may know of their caller. */
const ENV = { PATH: process.env.PATH, HOME: process.env.HOME, LANG: process.env.LANG, TERM: process.env.TERM }

/** The temporary folder everything is measured in, and what stands on it. Gone when the benchmark is. */
export class Stage {
  readonly folder: string
  readonly driver: Driver
  /** Few rounds of smaller work: does it still measure, rather than how much. */
  readonly short: boolean
  /** What a reader of the table should know. */
  readonly notes: string[] = []
  readonly #isBare: boolean

  private constructor(folder: string, driver: Driver, short: boolean) {
    this.folder = folder
    this.driver = driver
    this.short = short
    this.#isBare = !existsSync(BWRAP)
  }

  static async open(options: { readonly short: boolean }): Promise<Stage> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bulkhead-bench-')))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
    return new Stage(folder, await Driver.compile(folder, ENV), options.short)
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

  rounds(full: number, short: number): number {
    return this.short ? short : full
  }

  note(text: string): void {
    this.notes.push(text)
  }

  /** Why rows about running plugins cannot be measured here; `null` when they can. */
  get noRoot(): string | null {
    return process.getuid?.() === 0 ? null : 'they need root: a host uid per plugin and cgroup leaves'
  }

  /** The same of those that are beside bwrap. */
  get noBwrap(): string | null {
    return this.noRoot ?? (this.#isBare ? `there is no ${BWRAP} (Debian: bubblewrap)` : null)
  }

  /** A command line of ours, under the Node of this process. */
  plugins(home: string, ...args: string[]): string[] {
    return [process.execPath, join(CHECKOUT, 'src/cli/bin.cjs'), '--home', home, ...args]
  }

  get node(): string[] {
    return [process.execPath, '-e', '0']
  }

  /** A home of its own that trusts the author of every plugin here, with what its operator says. */
  async home(name: string, config?: object): Promise<{ home: string; manager: PluginManager }> {
    const home = this.path(name)
    await mkdir(home, { mode: 0o700 })
    if (config !== undefined) await writeFile(join(home, 'config.json'), JSON.stringify(config), { mode: 0o600 })
    const manager = await library.openManager({ home })
    await manager.trust.add((await this.#author()).publicFile, { pattern: 'acme/*' })
    return { home, manager }
  }

  /** The library on a home that is there. */
  open(home: string): Promise<PluginManager> {
    return library.openManager({ home })
  }

  /** Packs and signs a folder; gives the tarball. */
  async publish(folder: string): Promise<string> {
    const { secretFile } = await this.#author()
    const marketplace = await library.openMarketplace()
    const { path } = await marketplace.pack(folder, this.path('dist'))
    // The same folder may be asked for twice, and packs to the same bytes.
    await marketplace.sign(path, { key: secretFile, passphrase: () => null, replace: true })
    return path
  }

  #keys: Promise<{ secretFile: string; publicFile: string }> | undefined
  #author(): Promise<{ secretFile: string; publicFile: string }> {
    this.#keys ??= (async () => {
      await mkdir(this.path('dist'))
      const marketplace = await library.openMarketplace()
      await marketplace.generateKey(this.path('acme'), null)
      return { secretFile: this.path('acme.key'), publicFile: this.path('acme.pub') }
    })()
    return this.#keys
  }

  #large: Promise<LargeTarball> | undefined
  /** A signed plugin of many files, installed by those who need it. */
  large(): Promise<LargeTarball> {
    this.#large ??= this.largeVersions(1).then(({ tarballs: [tarball = ''], size }) => ({ tarball, size }))
    return this.#large
  }

  /** Versions of it that differ in one file, and in what says which version it is. */
  async largeVersions(count: number): Promise<{ readonly tarballs: readonly string[]; readonly size: string }> {
    const plugin = this.short ? LESS : LARGE
    const folder = this.path('large')
    await writeLarge(folder, plugin)
    const tarballs: string[] = []
    for (let number = 0; number < count; number++) {
      if (number > 0) await changeLarge(folder, number)
      tarballs.push(await this.publish(folder))
    }
    await rm(folder, { recursive: true })
    return { tarballs, size: sizeOf(plugin) }
  }

  #many: Promise<ManyPlugins> | undefined
  /** A host that has many small plugins: each of them really packed, signed and installed, and listed by a registry. */
  many(): Promise<ManyPlugins> {
    this.#many ??= this.#installMany(this.rounds(1000, 30))
    return this.#many
  }

  async #installMany(count: number): Promise<ManyPlugins> {
    const { home, manager } = await this.home('many-home')
    const registry = this.path('many-registry')
    await mkdir(registry)
    let ms = 0
    for (let number = 0; number < count; number++) {
      const folder = this.path('tiny')
      await writeTiny(folder, number)
      const tarball = join(registry, `${number}.tgz`)
      const published = await this.publish(folder)
      for (const suffix of ['', '.sigstore.json']) await rename(`${published}${suffix}`, `${tarball}${suffix}`)
      const began = performance.now()
      await manager.install(tarball, { consent: () => true })
      ms += performance.now() - began
      await rm(folder, { recursive: true })
    }
    await manager.close()
    await (await library.openMarketplace()).buildRegistry(registry)
    const took = `${(ms / 1000).toFixed(1)} s`
    this.note(`${count} installs of a plugin of 2 files, one after the other in one process: ${took}`)
    return { home, registry, count }
  }

  #counting: Promise<WordCount> | undefined
  /** The reference plugin word-count, a static C program, installed; shared by every row that runs something. */
  wordCount(): Promise<WordCount> {
    this.#counting ??= this.#installWordCount()
    return this.#counting
  }

  async #installWordCount(): Promise<WordCount> {
    const source = join(CHECKOUT, 'plugins/word-count/build.mjs')
    const folder = this.path('word-count')
    const { build } = (await import(source)) as { build(out: string): void }
    await mkdir(folder)
    build(folder)
    const tarball = await this.publish(folder)
    const { home, manager } = await this.home('word-count-home')
    const { name } = await manager.install(tarball, { consent: () => true })
    return { home, manager, tarball, name, folder, path: (await manager.info(name)).path }
  }

  async close(): Promise<void> {
    if (this.#counting) await (await this.#counting).manager.close()
  }
}

export interface LargeTarball {
  readonly tarball: string
  readonly size: string
}

export interface ManyPlugins {
  readonly home: string
  /** A folder with an index, which lists each of them. */
  readonly registry: string
  readonly count: number
}

export interface WordCount {
  readonly home: string
  readonly manager: PluginManager
  readonly tarball: string
  readonly name: string
  /** The folder it was packed from. */
  readonly folder: string
  /** The release's folder. */
  readonly path: string
}

/** bwrap around the same chroot directory, with the same mounts: what it can do of what the launcher does. */
export function bwrapOf(release: string): string[] {
  const root = join(release, 'root')
  const mounts = ['--ro-bind', root, '/', '--tmpfs', '/tmp', '--dev', '/dev', '--proc', '/proc']
  const rest = ['--die-with-parent', '--new-session', '--clearenv', '--chdir', '/plugin', '/plugin/bin/word-count']
  return [BWRAP, '--unshare-all', ...mounts, ...rest]
}
