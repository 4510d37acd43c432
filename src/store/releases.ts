import { type Sha256, sha256 } from '../core/digest.ts'
import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import type { ReleaseHistory, VerifiedRelease } from '../core/verified.ts'
import { type Db, read } from './database.ts'

/** A release that was verified here, whether it is still installed or not. */
export interface KnownRelease {
  readonly name: PluginName
  readonly version: string
  readonly sha256: Sha256
  readonly manifestDigest: Sha256
  /** Of the list of files that was recorded; `null`: its signers list them. */
  readonly filesDigest: Sha256 | null
  /** Ids of those who were counted. */
  readonly signers: readonly string[]
  readonly policyDigest: string
  readonly verifiedAtMs: number
}

interface Row {
  readonly sha256: string
  readonly manifest_sha256: string
  readonly files_sha256: string | null
  readonly signers: string
  readonly policy_digest: string
  readonly verified_at_ms: number
}

/** Every release that was ever verified here: these rows outlive `remove --purge`. */
export class Releases {
  readonly #db: Db
  readonly #now: () => number

  constructor(db: Db, now: () => number) {
    this.#db = db
    this.#now = now
  }

  /**
   * Must be called inside a transaction.
   *
   * @throws StoreError `VERSION_REPUBLISHED` when other bytes were seen under this version
   */
  adopt(pluginId: number, { verified, recorded }: VerifiedRelease): number {
    const { statement, signers, policyDigest } = verified
    // The verifier refused other bytes under a known version; the UNIQUE constraint says it once more.
    const row = this.#db
      .prepare<unknown[], { id: number; sha256: string }>(
        `INSERT INTO releases (plugin_id, version, sha256, manifest_sha256, files_sha256, signers, policy_digest, verified_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (plugin_id, version) DO UPDATE SET
           manifest_sha256 = excluded.manifest_sha256, files_sha256 = excluded.files_sha256, signers = excluded.signers, policy_digest = excluded.policy_digest, verified_at_ms = excluded.verified_at_ms
         WHERE sha256 = excluded.sha256
         RETURNING id, sha256`,
      )
      .get(
        pluginId,
        statement.version,
        statement.sha256,
        statement.manifestDigest,
        recorded === null ? null : sha256(recorded),
        JSON.stringify(signers.map(({ id }) => id)),
        policyDigest,
        this.#now(),
      )
    if (row !== undefined) return row.id
    throw new StoreError(
      'VERSION_REPUBLISHED',
      `cannot install ${statement.name} ${statement.version}: this host has seen other bytes under that version`,
    )
  }

  /** Installed for the first time, or again. Must be called inside a transaction. */
  arriveInside({ name, digest }: Pick<KnownRelease, 'name'> & { readonly digest: Sha256 }): void {
    this.#db
      .prepare(
        `UPDATE releases SET installed_at_ms = coalesce(installed_at_ms, ?), left_at_ms = NULL
         WHERE sha256 = ? AND plugin_id = (SELECT id FROM plugins WHERE name = ?)`,
      )
      .run(this.#now(), digest, name)
  }

  /** Gone back from. Must be called inside a transaction. */
  leaveInside({ name, digest }: Pick<KnownRelease, 'name'> & { readonly digest: Sha256 }): void {
    this.#db
      .prepare(
        'UPDATE releases SET left_at_ms = ? WHERE sha256 = ? AND plugin_id = (SELECT id FROM plugins WHERE name = ?)',
      )
      .run(this.#now(), digest, name)
  }

  /** The row of a release that never came to be installed: it says nothing about what was seen here. */
  forgetUninstalled(id: number): void {
    this.#db
      .prepare(
        `DELETE FROM releases WHERE id = ? AND installed_at_ms IS NULL
         AND NOT EXISTS (SELECT 1 FROM installations i WHERE i.release_id = releases.id)`,
      )
      .run(id)
  }

  /** Versions that were gone back from, and when. */
  left(name: PluginName): ReadonlyMap<string, number> {
    const left = `SELECT r.version, r.left_at_ms FROM releases r JOIN plugins p ON p.id = r.plugin_id
                  WHERE p.name = ? AND r.left_at_ms IS NOT NULL`
    const rows = read(this.#db, () =>
      this.#db.prepare<[string], { version: string; left_at_ms: number }>(left).all(name),
    )
    return new Map(rows.map(({ version, left_at_ms }) => [version, left_at_ms]))
  }

  find(name: PluginName, version: string): KnownRelease | null {
    const row = read(this.#db, () =>
      this.#db
        .prepare<[string, string], Row>(
          `SELECT r.* FROM releases r JOIN plugins p ON p.id = r.plugin_id WHERE p.name = ? AND r.version = ?`,
        )
        .get(name, version),
    )
    if (row === undefined) return null
    return {
      name,
      version,
      sha256: row.sha256 as Sha256,
      manifestDigest: row.manifest_sha256 as Sha256,
      filesDigest: row.files_sha256 as Sha256 | null,
      signers: JSON.parse(row.signers) as string[],
      policyDigest: row.policy_digest,
      verifiedAtMs: row.verified_at_ms,
    }
  }

  history(name: PluginName): ReleaseHistory {
    const plugin = read(this.#db, () =>
      this.#db
        .prepare<[string], { id: number; high_water: string | null }>(
          'SELECT id, high_water FROM plugins WHERE name = ?',
        )
        .get(name),
    )
    const digests = 'SELECT sha256 FROM releases WHERE plugin_id = ? AND version = ?'
    const digestOf = (version: string) =>
      read(this.#db, () =>
        this.#db.prepare<[number, string], { sha256: string }>(digests).get(plugin?.id ?? 0, version),
      )
    return {
      highWater: plugin?.high_water ?? null,
      digestOf: (version) => digestOf(version)?.sha256 ?? null,
    }
  }
}
