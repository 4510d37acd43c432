import { type Sha256, sha256 } from '../core/digest.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { Check, Evidence, Signer } from '../core/verified.ts'
import { type Db, read, transactLightly } from './database.ts'

/** A verdict as it was made. */
export interface Verdict {
  readonly verdict: 'OK' | ErrorCode
  readonly signers: readonly Signer[]
  readonly countersigners: readonly Signer[]
  readonly checks: readonly Check[]
  /** sha256 of the bundle it is about; `null` when there was none to read. */
  readonly bundle: Sha256 | null
  /** `null`: trust.json could not be read. */
  readonly evidence: Evidence | null
  /** The version of Bulkhead that made it. */
  readonly bulkhead: string
}

/** The same as it is kept: the documents by their digests. */
export interface KeptVerdict extends Omit<Verdict, 'evidence'> {
  readonly atMs: number
  readonly policyDigest: Sha256 | null
  readonly roots: readonly { readonly name: string; readonly digest: Sha256 }[]
}

/** Of one release: the verdict that let it in, and the latest since; `null` where there is none. */
export interface KeptVerdicts {
  readonly install: KeptVerdict | null
  readonly latest: KeptVerdict | null
}

type Occasion = keyof KeptVerdicts

interface Row {
  readonly id: number
  readonly occasion: Occasion
  readonly at_ms: number
  readonly bulkhead: string
  readonly verdict: string
  readonly signers: string
  readonly countersigners: string
  readonly checks: string
  readonly bundle_sha256: string | null
  readonly policy_sha256: string | null
}

/**
 * What was verified, when, by which policy, roots and version: raw, so that later it can be said what has changed. Two
 * verdicts of each release at most, and each document once, for as long as one of them names it.
 */
export class Verdicts {
  readonly #db: Db
  readonly #now: () => number

  constructor(db: Db, now: () => number) {
    this.#db = db
    this.#now = now
  }

  /** The verdict that lets a release in. Must be called inside the transaction that does so. */
  keepInstall({ id, digest }: Installation, verdict: Verdict): void {
    const releaseId = this.#releaseOf(id, digest)
    if (releaseId === undefined) throw new StoreError('WRONG_STATE', `cannot find installation ${id}: its row is gone`)
    this.#db.prepare('DELETE FROM verifications WHERE release_id = ?').run(releaseId)
    this.#keep(releaseId, 'install', verdict)
  }

  /** In the place of the latest before. A power cut may lose it: the next verification makes another. */
  keepLatest({ id, digest }: Installation, verdict: Verdict): void {
    transactLightly(this.#db, () => {
      // Removed since it was looked at: nobody will ask. Its number may be another's by now.
      const releaseId = this.#releaseOf(id, digest)
      if (releaseId !== undefined) this.#keep(releaseId, 'latest', verdict)
    })
  }

  of(name: PluginName, version: string): KeptVerdicts {
    const rows = read(this.#db, () =>
      this.#db
        .prepare<[string, string], Row>(
          `SELECT v.* FROM verifications v JOIN releases r ON r.id = v.release_id JOIN plugins p ON p.id = r.plugin_id
           WHERE p.name = ? AND r.version = ?`,
        )
        .all(name, version),
    )
    const at = (occasion: Occasion) => {
      const row = rows.find((one) => one.occasion === occasion)
      return row === undefined ? null : this.#verdictOf(row)
    }
    return { install: at('install'), latest: at('latest') }
  }

  /** The bytes of a document; `null` when they are not there or not those of the digest, which only a hand in the file does. */
  document(digest: Sha256): Buffer | null {
    const row = read(this.#db, () =>
      this.#db.prepare<[string], { bytes: Buffer }>('SELECT bytes FROM documents WHERE sha256 = ?').get(digest),
    )
    return row !== undefined && sha256(row.bytes) === digest ? row.bytes : null
  }

  /** Of releases that no installation has any more. Must be called inside the transaction that took the last one away. */
  sweep(): void {
    const { changes } = this.#db
      .prepare('DELETE FROM verifications WHERE release_id NOT IN (SELECT release_id FROM installations)')
      .run()
    if (changes > 0) this.#forgetDocuments()
  }

  #releaseOf(installationId: number, digest: Sha256): number | undefined {
    return this.#db
      .prepare<[number, string], { release_id: number }>(
        'SELECT i.release_id FROM installations i JOIN releases r ON r.id = i.release_id WHERE i.id = ? AND r.sha256 = ?',
      )
      .get(installationId, digest)?.release_id
  }

  #keep(releaseId: number, occasion: Occasion, kept: Verdict): void {
    this.#db.prepare('DELETE FROM verifications WHERE release_id = ? AND occasion = ?').run(releaseId, occasion)
    const { evidence } = kept
    if (evidence !== null) for (const document of [evidence.policy, ...evidence.roots]) this.#keepDocument(document)
    const { lastInsertRowid } = this.#db
      .prepare(
        `INSERT INTO verifications
           (release_id, occasion, at_ms, bulkhead, verdict, signers, countersigners, checks, bundle_sha256, policy_sha256)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        releaseId,
        occasion,
        this.#now(),
        kept.bulkhead,
        kept.verdict,
        JSON.stringify(kept.signers),
        JSON.stringify(kept.countersigners),
        JSON.stringify(kept.checks),
        kept.bundle,
        evidence?.policy.digest ?? null,
      )
    const root = 'INSERT INTO verification_roots (verification_id, name, sha256) VALUES (?, ?, ?)'
    for (const { name, digest } of evidence?.roots ?? []) this.#db.prepare(root).run(lastInsertRowid, name, digest)
    this.#forgetDocuments()
  }

  /** Asked first: a policy may be megabytes, and nearly always it is there. */
  #keepDocument({ digest, bytes }: Evidence['policy']): void {
    if (this.#db.prepare('SELECT 1 FROM documents WHERE sha256 = ?').get(digest) !== undefined) return
    this.#db.prepare('INSERT INTO documents (sha256, bytes) VALUES (?, ?)').run(digest, bytes)
  }

  #forgetDocuments(): void {
    this.#db
      .prepare(
        `DELETE FROM documents WHERE sha256 IN (
           SELECT d.sha256 FROM documents d
           WHERE NOT EXISTS (SELECT 1 FROM verifications v WHERE v.policy_sha256 = d.sha256)
             AND NOT EXISTS (SELECT 1 FROM verification_roots r WHERE r.sha256 = d.sha256))`,
      )
      .run()
  }

  /** @throws StoreError `STORE_UNREADABLE`: only a hand in the file makes anything else of it */
  #signersIn(row: Row, column: 'signers' | 'countersigners'): Signer[] {
    const kept: unknown = JSON.parse(row[column])
    const isSigner = (one: unknown) => typeof (one as Signer | null)?.id === 'string'
    if (Array.isArray(kept) && kept.every(isSigner)) return kept as Signer[]
    throw new StoreError('STORE_UNREADABLE', `cannot read ${this.#db.name}: the ${column} of a verdict make no sense`, {
      hint: 'if it is damaged, put a copy from before in its place',
    })
  }

  #verdictOf(row: Row): KeptVerdict {
    const roots = read(this.#db, () =>
      this.#db
        .prepare<[number], { name: string; digest: Sha256 }>(
          'SELECT name, sha256 AS digest FROM verification_roots WHERE verification_id = ? ORDER BY name',
        )
        .all(row.id),
    )
    return {
      atMs: row.at_ms,
      bulkhead: row.bulkhead,
      verdict: row.verdict as Verdict['verdict'],
      signers: this.#signersIn(row, 'signers'),
      countersigners: this.#signersIn(row, 'countersigners'),
      checks: JSON.parse(row.checks) as Check[],
      bundle: row.bundle_sha256 as Sha256 | null,
      policyDigest: row.policy_sha256 as Sha256 | null,
      roots,
    }
  }
}
