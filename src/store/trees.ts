import { mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asDiskFailed, isOfDisk } from '../core/disk-failure.ts'
import type { Installation } from '../core/installation.ts'
import { type Layout, packageOf } from '../core/layout.ts'
import type { OnProgress } from '../core/progress.ts'
import type { SignedFile } from '../core/statement.ts'
import type { VerifiedRelease } from '../core/verified.ts'
import type { Judged } from './evidence.ts'
import { type Differences, Expected, hashTree, TICK_MS } from './tree-check.ts'
import type { ReleaseBeside, Shared } from './tree-sharing.ts'
import { skeletonFaults } from './tree-skeleton.ts'

export interface TreesOptions {
  readonly layout: Layout
  /** Path of the launcher, for its `--seal` walk; `null`: every check hashes every file. */
  readonly sealer?: string | null
}

/** A release in private staging: complete and durable, and not yet where anything looks for it. */
export interface UnpackedTree {
  /** Becomes the release's folder. */
  readonly path: string
  readonly packageDir: string
  /** What of it was not written anew. */
  readonly shared: Shared
}

export interface UnpackOptions {
  /** Versions of the same plugin that are here: what they hold already is shared where the file system can. */
  readonly beside?: readonly ReleaseBeside[] | undefined
  /** `false`: by clones alone, never by further names of files that are in use. For a tree that somebody is let at; default: true. */
  readonly mayLink?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
  /** Told the name of the folder below `staging/` before it is there: whoever is interrupted from then on has it to discard. */
  readonly onStage?: ((folder: string) => void) | undefined
}

/** What names a release's folder. */
export type TreeName = Pick<Installation, 'name' | 'version' | 'digest'>

export interface TreeCheck extends Differences {
  /** A seal to keep for the next check, or `null` when the one that was kept still holds or none can be made. */
  readonly seal: Buffer | null
}

/** Trees up to this size are hashed whole at every check: that costs less than a walk by another process. */
const SMALL_FILES = 256
const SMALL_BYTES = 16 * 2 ** 20

/** The files of installed releases. A tree is complete, or it is in staging; nothing in between has a release's name. */
export class Trees {
  readonly #layout: Layout
  readonly #sealer: string | null

  constructor({ layout, sealer = null }: TreesOptions) {
    this.#layout = layout
    this.#sealer = sealer
  }

  /** Unpacks into private staging and flushes it; if any step fails, nothing is left. */
  async unpack(release: VerifiedRelease, options: UnpackOptions = {}): Promise<UnpackedTree> {
    const { unpackRelease } = await import('./unpack.ts')
    return this.#staged('unpack the release', options, (path) => unpackRelease(release, path, this.#layout, options))
  }

  /** Of a release that is here: which of its signed files neither it nor a version beside has any more. */
  async lacking(release: Judged, beside: readonly ReleaseBeside[]): Promise<readonly string[]> {
    const { lackingIn } = await import('./restore.ts')
    return this.#onDisk('look for its files', async () => lackingIn(this.#layout, release, beside))
  }

  /** The same in private staging as `unpack` makes it, without the tarball: of what nothing is lacking. */
  async restore(
    release: Judged,
    beside: readonly ReleaseBeside[],
    options: Pick<UnpackOptions, 'onStage' | 'mayLink'> = {},
  ): Promise<UnpackedTree> {
    const { restoreRelease } = await import('./restore.ts')
    const sharing = { beside, mayLink: options.mayLink !== false }
    return this.#staged('restore the release', options, (path) => restoreRelease(release, path, this.#layout, sharing))
  }

  async #staged(
    what: string,
    { onStage }: Pick<UnpackOptions, 'onStage'>,
    fill: (path: string) => Promise<Shared>,
  ): Promise<UnpackedTree> {
    const { stage } = await import('./tree-staging.ts')
    return this.#onDisk(what, async () => {
      const path = stage(this.#layout.staging, onStage)
      try {
        return { path, packageDir: packageOf(path), shared: await fill(path) }
      } catch (error) {
        rmSync(path, { recursive: true, force: true })
        throw error
      }
    })
  }

  /** The same release, whole, with its evidence and with nothing beside: for after somebody was let at it. */
  async recheck(tree: Pick<UnpackedTree, 'path' | 'packageDir'>, release: Judged): Promise<Differences> {
    const { evidenceFaults } = await import('./evidence.ts')
    const found = await this.check(tree.packageDir, release.verified.statement.files, null, { thorough: true })
    const beside = await this.#onDisk(`check ${tree.path}`, async () => evidenceFaults(tree.path, release))
    return { modified: [...found.modified, ...beside], missing: found.missing, extra: found.extra }
  }

  /** Gives a tree its release's name, in one durable step; gives back that path. */
  async promote(tree: UnpackedTree, installation: TreeName): Promise<string> {
    const { flush, flushParents } = await import('./tree-flush.ts')
    const path = this.#pathOf(installation)
    return this.#onDisk(`move ${path} into place`, async () => {
      // What has the name already is of an install that was never recorded, or it would have been refused before.
      const away = await this.#withdraw(path)
      if (away !== null) rmSync(away, { recursive: true, force: true })
      for (let attempt = 1; ; attempt++) {
        mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
        try {
          renameSync(tree.path, path)
          break
        } catch (error) {
          // A removal of the plugin's last release may take the folder away between the two lines above.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw error
        }
      }
      flushParents(path, this.#layout.home)
      flush(this.#layout.staging)
      return path
    })
  }

  /**
   * The same for a release that is there already, and gives way: in one step where the file system has one for that, and
   * else in two, between which nothing has the name. What gave way and could not be deleted is where `tree` was, to be discarded.
   */
  async replace(tree: UnpackedTree, installation: TreeName): Promise<string> {
    const path = this.#pathOf(installation)
    const { exchange } = await import('./tree-exchange.ts')
    if (this.#sealer === null || !exchange(this.#sealer, tree.path, path)) return this.promote(tree, installation)
    const { flush } = await import('./tree-flush.ts')
    return this.#onDisk(`move ${path} into place`, async () => {
      flush(dirname(path))
      flush(this.#layout.staging)
      try {
        rmSync(tree.path, { recursive: true, force: true })
      } catch (error) {
        // The release is in its place. What gave way is in staging, and `discard` says why it cannot go.
        if (!isOfDisk(error)) throw error
      }
      return path
    })
  }

  /** Gives up a tree that was not promoted. */
  async discard(tree: Pick<UnpackedTree, 'path'>): Promise<void> {
    await this.#onDisk(`delete ${tree.path}`, async () => rmSync(tree.path, { recursive: true, force: true }))
  }

  /** Takes a release away: gone by its name at once, then deleted. Does nothing if it is not there. */
  async remove(installation: TreeName): Promise<void> {
    await this.removeStray(this.#pathOf(installation))
  }

  /** The same with one that no row speaks of: by its path, as an inventory has it. */
  async removeStray(path: string): Promise<void> {
    await this.#onDisk(`remove ${path}`, async () => {
      const away = await this.#withdraw(path)
      // Before it is deleted, which takes time and may fail.
      this.#prune(path)
      if (away !== null) rmSync(away, { recursive: true, force: true })
    })
  }

  /** Folders of plugins and namespaces that nothing is in: one who was killed while removing leaves them. */
  async tidy(): Promise<void> {
    const { plugins } = this.#layout
    const { foldersIn } = await import('./release-folders.ts')
    await this.#onDisk(`clear ${plugins}`, async () => {
      for (const namespace of foldersIn(plugins)) {
        for (const name of foldersIn(join(plugins, namespace))) this.#prune(join(plugins, namespace, name, 'release'))
        this.#prune(join(plugins, namespace, 'name', 'release'))
      }
    })
  }

  /** At start-up: deletes what killed processes left in staging. */
  async sweepStaging(): Promise<void> {
    const { sweep } = await import('./tree-staging.ts')
    await this.#onDisk(`clear ${this.#layout.staging}`, async () => sweep(this.#layout.staging))
  }

  /**
   * Compares an installed package, and the chroot directory around it, with the signed list. Small trees are hashed
   * whole. A large one is walked by the launcher, and only what has another record than in `seal` is hashed;
   * `thorough` hashes all of it whatever the seal says.
   */
  async check(
    packageDir: string,
    files: readonly SignedFile[],
    seal: Uint8Array | null,
    { thorough = false }: { readonly thorough?: boolean } = {},
  ): Promise<TreeCheck> {
    return this.#onDisk(`check ${packageDir}`, async () => {
      const owner = process.geteuid?.() ?? 0
      const expected = new Expected(files)
      const { seal: fresh, ...found } =
        this.#sealer === null || isSmall(files)
          ? { ...hashTree(packageDir, expected, owner), seal: null }
          : await this.#checkLarge(this.#sealer, packageDir, expected, thorough ? null : seal, owner)
      const around = skeletonFaults(dirname(packageDir), owner)
      const modified = [...around, ...found.modified]
      const isClean = modified.length + found.missing.length + found.extra.length === 0
      return { ...found, modified, seal: isClean ? fresh : null }
    })
  }

  /**
   * The seal of a tree just unpacked, to keep with its installation; `null` for small trees and without a launcher. It
   * vouches for nothing by itself: only call it where the content is known to be the signed one.
   */
  async seal(packageDir: string, files: readonly SignedFile[]): Promise<Buffer | null> {
    if (this.#sealer === null || isSmall(files)) return null
    const expected = new Expected(files)
    const first = await this.#walk(this.#sealer, packageDir, expected)
    if (first === null || !first.isRacy) return first?.seal ?? null
    await sleep(TICK_MS)
    const second = await this.#walk(this.#sealer, packageDir, expected)
    return second === null || second.isRacy ? null : second.seal
  }

  async #checkLarge(
    sealer: string,
    packageDir: string,
    expected: Expected,
    seal: Uint8Array | null,
    owner: number,
  ): Promise<TreeCheck> {
    const { parseSeal, compareSealed } = await import('./seal-records.ts')
    // Walked before anything is hashed: a file that changes meanwhile has another record the next time.
    const walk = await this.#walk(sealer, packageDir, expected)
    const fresh = walk?.isExact && !walk.isRacy ? walk.seal : null
    if (walk !== null && seal !== null) {
      if (walk.isExact && walk.seal.equals(seal)) return { modified: [], missing: [], extra: [], seal: null }
      const kept = parseSeal(seal)
      if (kept !== null) return { ...compareSealed(packageDir, walk.records, kept, expected, owner), seal: fresh }
    }
    return { ...hashTree(packageDir, expected, owner), seal: fresh }
  }

  async #walk(sealer: string, packageDir: string, expected: Expected) {
    const [{ walkSeal }, { parseSeal, showsExactly, newestMs }] = await Promise.all([
      import('./seal-walk.ts'),
      import('./seal-records.ts'),
    ])
    const startedMs = Date.now()
    const seal = walkSeal(sealer, packageDir)
    const records = seal === null ? null : parseSeal(seal)
    if (seal === null || records === null) return null
    return {
      seal,
      records,
      isExact: showsExactly(records, expected),
      isRacy: newestMs(records) > startedMs - TICK_MS,
    }
  }

  #pathOf({ name, version, digest }: TreeName): string {
    return this.#layout.release(name, version, digest)
  }

  /** Renamed away first, in one step: a crash while deleting leaves nothing that looks installed. Gives where to; `null`: it is not there. */
  async #withdraw(path: string): Promise<string | null> {
    const [{ assertPrivate, nextName }, { flush }] = await Promise.all([
      import('./tree-staging.ts'),
      import('./tree-flush.ts'),
    ])
    assertPrivate(this.#layout.staging)
    const away = nextName(this.#layout.staging)
    try {
      renameSync(path, away)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
    flush(dirname(path))
    return away
  }

  /** The plugin's folder, and its namespace's, once they are empty. One who was killed here may have taken the first away. */
  #prune(path: string): void {
    for (const folder of [dirname(path), dirname(dirname(path))]) {
      try {
        rmdirSync(folder)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return
        if (code !== 'ENOENT') throw error
      }
    }
  }

  async #onDisk<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw asDiskFailed(what, error)
    }
  }
}

const isSmall = (files: readonly SignedFile[]): boolean =>
  files.length <= SMALL_FILES && files.reduce((sum, { size }) => sum + size, 0) <= SMALL_BYTES
