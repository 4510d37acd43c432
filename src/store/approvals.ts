import { type Agreement, CONSENT_WAYS, type ConsentWay, isAgreement } from '../core/agreement.ts'
import type { Sha256 } from '../core/digest.ts'
import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { isOneOf } from '../core/shape.ts'
import { isWho, type Who } from '../core/who.ts'
import { isWidening, type Widening } from '../core/widening.ts'
import { read, transact } from './database.ts'
import { keptJson } from './kept-json.ts'
import { Ledger } from './ledger.ts'

/** That somebody agrees to one release, and to no other bytes. */
export interface Approval {
  readonly name: PluginName
  readonly version: string
  readonly sha256: Sha256
  readonly way: ConsentWay
  readonly who: Who
  readonly agreement: Agreement
}

/** What rests on it: which policy, and what it was compared with. */
export interface NewApproval extends Approval {
  /** The policy that agreed; `null`: none did. */
  readonly by: string | null
  /** The latest approval when it was compared; `null`: there was none, or it was compared with nothing. */
  readonly basis: number | null
}

export interface KeptApproval extends Approval {
  readonly id: number
  readonly atMs: number
}

/** An update that nobody has agreed to yet; what is installed runs on. */
export interface WaitingUpdate {
  readonly name: PluginName
  readonly version: string
  readonly sha256: Sha256
  /** The registry it would come from; `null`: a file. */
  readonly source: string | null
  readonly widening: Widening
  readonly sinceMs: number
}

interface ApprovalRow {
  readonly id: number
  readonly name: string
  readonly version: string
  readonly sha256: string
  readonly given_by: string
  readonly way: string
  readonly grants: string
  readonly at_ms: number
}

interface WaitingRow {
  readonly name: string
  readonly version: string
  readonly sha256: string
  readonly source: string | null
  readonly widening: string
  readonly since_ms: number
}

const isWay = isOneOf(CONSENT_WAYS) as (value: unknown) => value is ConsentWay

/** Who agreed to what and when, and what waits for somebody to agree. */
export class Approvals extends Ledger {
  /**
   * With the release that was agreed to; nothing waits any more then. Must be called inside the transaction that installs it.
   *
   * @throws StoreError `WRONG_STATE` when other bytes are installed than were agreed to; `STORE_BUSY` when something else was
   * agreed to since the two were compared
   */
  keepInside(installation: Pick<Installation, 'name' | 'version' | 'digest'>, approval: NewApproval): void {
    const { name, version, sha256, way, who, agreement, by, basis } = approval
    if (installation.name !== name || installation.version !== version || installation.digest !== sha256) {
      throw new StoreError(
        'WRONG_STATE',
        `cannot install ${installation.name} ${installation.version}: agreed to was ${name} ${version} with ` +
          `sha256:${sha256}, this is sha256:${installation.digest}`,
      )
    }
    if (way === 'unchanged' || basis !== null) this.#assertLatest(name, basis)
    const pluginId = this.#pluginOf(name)
    this.db
      .prepare(
        `INSERT INTO approvals (plugin_id, version, sha256, given_by, way, grants, at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(pluginId, version, sha256, JSON.stringify(who), way, JSON.stringify(agreement), this.now())
    this.db.prepare('DELETE FROM waiting WHERE plugin_id = ?').run(pluginId)
    this.events.append(this.now(), 'approved', name, { version, sha256, way, by, who })
  }

  /** The latest of a plugin, of whatever release. */
  latest(name: PluginName): KeptApproval | null {
    return this.list(name, 1)[0] ?? null
  }

  /** The latest of these very bytes. */
  of(name: PluginName, sha256: Sha256): KeptApproval | null {
    const row = read(this.db, () =>
      this.db
        .prepare<[string, string], ApprovalRow>(
          `SELECT a.id, p.name, a.version, a.sha256, a.given_by, a.way, a.grants, a.at_ms
           FROM approvals a JOIN plugins p ON p.id = a.plugin_id
           WHERE p.name = ? AND a.sha256 = ? ORDER BY a.id DESC LIMIT 1`,
        )
        .get(name, sha256),
    )
    return row === undefined ? null : this.#approvalOf(row)
  }

  /** Newest first; of every plugin when `name` is `null`. */
  list(name: PluginName | null, limit: number): KeptApproval[] {
    const rows = read(this.db, () =>
      this.db
        .prepare<[string | null, string | null, number], ApprovalRow>(
          `SELECT a.id, p.name, a.version, a.sha256, a.given_by, a.way, a.grants, a.at_ms
           FROM approvals a JOIN plugins p ON p.id = a.plugin_id
           WHERE ? IS NULL OR p.name = ? ORDER BY a.id DESC LIMIT ?`,
        )
        .all(name, name, limit),
    )
    return rows.map((row) => this.#approvalOf(row))
  }

  /** Said once: an update that is looked at every hour waits since it was first seen. */
  wait({ name, version, sha256, source, widening }: Omit<WaitingUpdate, 'sinceMs'>): void {
    transact(this.db, () => {
      const pluginId = this.#pluginOf(name)
      const kept = JSON.stringify(widening)
      const before = this.db
        .prepare<[number], { sha256: string; widening: string }>(
          'SELECT sha256, widening FROM waiting WHERE plugin_id = ?',
        )
        .get(pluginId)
      if (before?.sha256 === sha256 && before.widening === kept) return
      this.db
        .prepare(
          `INSERT INTO waiting (plugin_id, version, sha256, source, widening, since_ms) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (plugin_id) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256,
             source = excluded.source, widening = excluded.widening, since_ms = excluded.since_ms`,
        )
        .run(pluginId, version, sha256, source, kept, this.now())
      this.events.append(this.now(), 'waiting', name, { version, sha256, source, widening })
    })
  }

  /** Nothing waits any more, and why: the release was withdrawn, or is one no longer that would be taken. */
  stopWaiting(name: PluginName, reason: string): void {
    transact(this.db, () => {
      const row = this.#waitingRows(name)[0]
      if (row === undefined) return
      this.dropWaitingInside(name)
      this.events.append(this.now(), 'waiting-ended', name, { version: row.version, sha256: row.sha256, reason })
    })
  }

  /** Of a plugin that goes. Must be called inside the transaction that takes its last installation away. */
  dropWaitingInside(name: PluginName): void {
    this.db.prepare('DELETE FROM waiting WHERE plugin_id IN (SELECT id FROM plugins WHERE name = ?)').run(name)
  }

  /** By name; of one plugin, or of all when `name` is `null`. */
  waiting(name: PluginName | null = null): WaitingUpdate[] {
    return read(this.db, () => this.#waitingRows(name)).map((row) => ({
      name: row.name as PluginName,
      version: row.version,
      sha256: row.sha256 as Sha256,
      source: row.source,
      widening: this.#kept(row.widening, isWidening, `what waits for ${row.name} ${row.version}`),
      sinceMs: row.since_ms,
    }))
  }

  #waitingRows(name: PluginName | null): WaitingRow[] {
    return this.db
      .prepare<[string | null, string | null], WaitingRow>(
        `SELECT p.name, w.version, w.sha256, w.source, w.widening, w.since_ms
         FROM waiting w JOIN plugins p ON p.id = w.plugin_id WHERE ? IS NULL OR p.name = ? ORDER BY p.name`,
      )
      .all(name, name)
  }

  /** What is no wider than one approval, or wider by what was agreed to, can be wider than the one another process was given meanwhile. */
  #assertLatest(name: PluginName, basis: number | null): void {
    const found = this.db
      .prepare<[string], { id: number }>(
        'SELECT a.id FROM approvals a JOIN plugins p ON p.id = a.plugin_id WHERE p.name = ? ORDER BY a.id DESC LIMIT 1',
      )
      .get(name)
    if ((found?.id ?? null) === basis) return
    throw new StoreError(
      'STORE_BUSY',
      `cannot install ${name}: another process has just had something else agreed to`,
      {
        hint: 'try again',
      },
    )
  }

  #pluginOf(name: PluginName): number {
    const row = this.db.prepare<[string], { id: number }>('SELECT id FROM plugins WHERE name = ?').get(name)
    if (row !== undefined) return row.id
    throw new StoreError('NOT_INSTALLED', `cannot find ${name}: it was never installed here`, { hint: 'plugins list' })
  }

  #approvalOf(row: ApprovalRow): KeptApproval {
    const which = `of ${row.name} ${row.version}, row ${row.id} of approvals,`
    return {
      id: row.id,
      name: row.name as PluginName,
      version: row.version,
      sha256: row.sha256 as Sha256,
      way: this.#kept(JSON.stringify(row.way), isWay, `the way ${which}`),
      who: this.#kept(row.given_by, isWho, `who agreed ${which}`),
      agreement: this.#kept(row.grants, isAgreement, `what was agreed ${which}`),
      atMs: row.at_ms,
    }
  }

  #kept<T>(text: string, is: (value: unknown) => value is T, what: string): T {
    return keptJson(text, is, this.db.name, what)
  }
}
