import { StoreError } from '../core/errors.ts'
import { type Installation, type InstallationState, mayBecome } from '../core/installation.ts'
import type { Permissions } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import type { ReleaseHistory, VerifiedRelease } from '../core/verified.ts'
import { Clock } from './clock.ts'
import { type Db, openDatabase, read, transact } from './database.ts'
import { Events, noteUnsigned } from './events.ts'
import { holderOf, isAlive, pidOf } from './holder.ts'
import { Releases } from './releases.ts'
import { type InstallationRow, installationOf, SELECT_INSTALLATION, SELECT_SEALED_INSTALLATION } from './rows.ts'
import { Runs } from './runs.ts'
import { freeUid, type UidRange } from './uids.ts'
import { type Verdict, Verdicts } from './verdicts.ts'

export interface StoreOptions {
  readonly path: string
  readonly uids: UidRange
  readonly now: () => number
}

/** What is known only when the tree stands. */
export interface Settled {
  readonly seal: Buffer | null
  /** The newest version this host has ever had of the plugin, the new one included (DESIGN §4.7): never lowered. */
  readonly highWater: string
  /** Said in the audit trail: an older version was let in by name. */
  readonly allowedDowngrade: boolean
  /** Why it was let in. */
  readonly verdict: Verdict
}

/**
 * What this host has. Every method is one transaction, takes effect as a whole or not at all, and leaves its line in
 * the audit trail in that same transaction.
 */
export class Store {
  readonly #db: Db
  readonly #uids: UidRange
  readonly #now: () => number
  readonly clock: Clock
  readonly events: Events
  readonly releases: Releases
  readonly runs: Runs
  readonly verdicts: Verdicts

  private constructor(db: Db, options: StoreOptions) {
    this.#db = db
    this.#uids = options.uids
    this.#now = options.now
    this.clock = new Clock(db, options.now)
    this.events = new Events(db)
    this.releases = new Releases(db, options.now)
    this.verdicts = new Verdicts(db, options.now)
    this.runs = new Runs(db, options.now, this.events)
  }

  /** @throws StoreError `STORE_TOO_NEW`, `STORE_BUSY` or `STORE_UNREADABLE` */
  static open(options: StoreOptions): Store {
    return new Store(openDatabase(options.path), options)
  }

  close(): void {
    this.#db.close()
  }

  /**
   * Takes the place of the plugin's one installation in the making: row `installing`, user id allocated.
   *
   * `seenHighWater` is what the downgrade check looked at: when it has moved since, that check must be made again.
   *
   * @throws StoreError `ALREADY_INSTALLED` when the same bytes are installed, `STORE_BUSY` when another process is
   * installing this plugin or has done so meanwhile, `UIDS_EXHAUSTED`
   */
  begin(release: VerifiedRelease, consent: Permissions, seenHighWater: string | null): Installation {
    const { statement, unsigned } = release.verified
    return transact(this.#db, () => {
      this.assertNew(release)
      this.#refuseSecond(statement.name, statement.sha256)
      if (this.history(statement.name).highWater !== seenHighWater) {
        throw new StoreError('STORE_BUSY', `cannot install ${statement.name}: another process has just installed it`, {
          hint: 'try again',
        })
      }
      const pluginId = this.#adoptPlugin(statement.name)
      const releaseId = this.releases.adopt(pluginId, release)
      const now = this.#now()
      const { lastInsertRowid } = this.#db
        .prepare(
          `INSERT INTO installations
             (plugin_id, release_id, state, consent, holder, installed_at_ms, changed_at_ms, unsigned_until_ms)
           VALUES (?, ?, 'installing', ?, ?, ?, ?, ?)`,
        )
        .run(pluginId, releaseId, JSON.stringify(consent), this.#holder(), now, now, unsigned?.untilMs ?? null)
      return this.#get(Number(lastInsertRowid))
    })
  }

  /** @throws StoreError `ALREADY_INSTALLED`: asked before the operator is, and again inside the transaction. */
  assertNew({ verified: { statement } }: VerifiedRelease): void {
    const installed = this.find(statement.name)
    if (installed?.digest !== statement.sha256) return
    const again = `to have it signed, or unsigned for longer: plugins remove ${statement.name} (its data stays) first`
    throw new StoreError(
      'ALREADY_INSTALLED',
      `cannot install ${statement.name} ${statement.version}: it is installed already, with the same bytes`,
      { hint: installed.unsignedUntilMs === null ? `plugins verify ${statement.name} checks its files` : again },
    )
  }

  /** `installing` becomes `installed`; what was installed before becomes `removing`, in the same moment. */
  settle(installation: Installation, settled: Settled): { installation: Installation; replaced: Installation | null } {
    return transact(this.#db, () => {
      const before = this.find(installation.name)
      if (before !== null) this.#move(before, 'removing')
      this.#move(installation, 'installed')
      // What the operator switched off stays off: an update is no consent to run it again.
      const isDisabled = before !== null && this.#isSwitchedOff(before)
      if (isDisabled) this.#move(installation, 'disabled')
      this.#db.prepare('UPDATE installations SET seal = ? WHERE id = ?').run(settled.seal, installation.id)
      this.#db.prepare('UPDATE plugins SET high_water = ? WHERE name = ?').run(settled.highWater, installation.name)
      this.verdicts.keepInstall(installation, settled.verdict)
      this.clock.raiseInside()
      this.events.append(this.#now(), 'installed', installation.name, {
        version: installation.version,
        sha256: installation.digest,
        signers: installation.signers,
        consent: installation.consent,
        uid: installation.uid,
        replaced: before?.version ?? null,
        allowedDowngrade: settled.allowedDowngrade,
        ...(isDisabled ? { state: 'disabled' } : {}),
      })
      noteUnsigned(this.events, this.#now(), installation)
      return { installation: this.#get(installation.id), replaced: before === null ? null : this.#get(before.id) }
    })
  }

  /** Moves an installation along the lifecycle table, and says why. */
  advance(installation: Installation, to: InstallationState, reason: string, code?: string): Installation {
    return transact(this.#db, () => {
      const from = this.#move(installation, to)
      const { name, version } = installation
      // What the caller saw and checked was another state: nothing comes out of quarantine as if it was only switched off.
      if (to === 'installed' && from !== installation.state) throw cannotMove(installation, to, from)
      this.events.append(this.#now(), to, name, { version, reason, ...(code === undefined ? {} : { code }), from })
      return this.#get(installation.id)
    })
  }

  /**
   * First half of a removal: the plugin can no longer be run, and its tree may go.
   *
   * @throws StoreError `WRONG_STATE` while any version of it runs
   */
  retire(installation: Installation, { purge }: { readonly purge: boolean }): Installation {
    return transact(this.#db, () => {
      // In this transaction, as `runs.begin` looks at the state in its own: no run can slip in between.
      this.#assertNotRunning(installation)
      this.#move(installation, 'removing')
      this.#db.prepare('UPDATE installations SET purging = ? WHERE id = ?').run(purge ? 1 : 0, installation.id)
      this.events.append(this.#now(), 'removing', installation.name, { version: installation.version, purge })
      return this.#get(installation.id)
    })
  }

  /** Takes over a pending row whose holder is gone; `null` when another process was faster, and the row is its to finish. */
  claim(interrupted: Installation): Installation | null {
    return transact(this.#db, () => {
      const { changes } = this.#db
        .prepare('UPDATE installations SET holder = ? WHERE id = ? AND holder = ? AND state = ?')
        .run(this.#holder(), interrupted.id, interrupted.holder, interrupted.state)
      return changes === 1 ? this.#get(interrupted.id) : null
    })
  }

  /** Leaves a pending row to whichever command comes next, though this process lives on. */
  abandon(pending: Installation): void {
    transact(this.#db, () => {
      this.#db.prepare("UPDATE installations SET holder = '' WHERE id = ?").run(pending.id)
    })
  }

  /**
   * Deletes the row of an installation whose tree is gone, and gives its user id back when its data went too. Not while
   * another installation of the plugin has a row: that one may own files.
   */
  forget(installation: Installation): void {
    const { id, name, version, state, isPurging } = installation
    transact(this.#db, () => {
      if (this.#db.prepare('DELETE FROM installations WHERE id = ?').run(id).changes === 0) return
      this.verdicts.sweep()
      this.events.append(this.#now(), 'forgotten', name, { version, state })
      if (isPurging) this.#releaseUid(name)
    })
  }

  /** For a plugin that was removed before and whose kept data is gone now: gives its user id back. */
  forgetKept(name: PluginName): void {
    transact(this.#db, () => this.#releaseUid(name))
  }

  /** Keeps what the launcher saw of a tree that was just found equal to its signed list. */
  reseal(installation: Installation, seal: Buffer): void {
    transact(this.#db, () => {
      this.#db.prepare('UPDATE installations SET seal = ? WHERE id = ?').run(seal, installation.id)
    })
  }

  /** Writes a decision that changed no row: a refusal, a change of policy, a weaker run. */
  note(kind: string, subject: string, details: Readonly<Record<string, unknown>>): void {
    transact(this.#db, () => {
      this.clock.raiseInside()
      this.events.append(this.#now(), kind, subject, details)
    })
  }

  /** The latest moment that was seen was a wrong one: from here on it is that of the clock now. */
  resetClock(reason: string): void {
    transact(this.#db, () => {
      const seenMs = this.clock.seenMs()
      this.clock.reset()
      this.events.append(this.#now(), 'clock-reset', 'clock', { seenMs, nowMs: this.clock.seenMs(), reason })
    })
  }

  /** The settled installation of a plugin, or `null`. */
  find(name: PluginName): Installation | null {
    const row = read(this.#db, () =>
      this.#db
        .prepare<[string], InstallationRow>(
          `${SELECT_SEALED_INSTALLATION} WHERE p.name = ? AND i.state IN ('installed', 'disabled', 'quarantined')`,
        )
        .get(name),
    )
    return row === undefined ? null : installationOf(row)
  }

  /** Every settled installation, by name, without its seal. */
  list(): Installation[] {
    return this.#all(`${SELECT_INSTALLATION} WHERE i.state IN ('installed', 'disabled', 'quarantined') ORDER BY p.name`)
  }

  /** The names of all these: a row that makes no sense spoils the list, and must not spoil what is done for each. */
  names(): PluginName[] {
    const settled = `SELECT p.name FROM installations i JOIN plugins p ON p.id = i.plugin_id
                     WHERE i.state IN ('installed', 'disabled', 'quarantined') ORDER BY p.name`
    return read(this.#db, () => this.#db.prepare<[], { name: string }>(settled).all()).map(
      ({ name }) => name as PluginName,
    )
  }

  /** Rows that a process which is gone left pending; the caller finishes or undoes each. */
  interrupted(): Installation[] {
    const pending = `${SELECT_INSTALLATION} WHERE i.state IN ('installing', 'removing') ORDER BY i.id`
    return this.#all(pending).filter(({ holder }) => !isAlive(holder))
  }

  /** Whether any installation still needs the tree of this release. */
  holdsRelease(installation: Installation): boolean {
    const other = read(this.#db, () =>
      this.#db
        .prepare<[string, string, number], { id: number }>(
          `SELECT i.id FROM installations i JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id
           WHERE p.name = ? AND r.sha256 = ? AND i.id <> ?`,
        )
        .get(installation.name, installation.digest, installation.id),
    )
    return other !== undefined
  }

  history(name: PluginName): ReleaseHistory {
    return this.releases.history(name)
  }

  #all(select: string): Installation[] {
    return read(this.#db, () => this.#db.prepare<[], InstallationRow>(select).all()).map(installationOf)
  }

  #assertNotRunning({ name, version }: Installation): void {
    const running = this.runs.open().filter(({ run, alive }) => alive && run.name === name)
    const [first] = running
    if (first === undefined) return
    throw new StoreError(
      'WRONG_STATE',
      `cannot remove ${name} ${version}: it is running (${running.length} at the moment)`,
      { hint: `end it first: plugins stop ${name}`, details: { pids: running.map(({ pid }) => pid) } },
    )
  }

  #get(id: number): Installation {
    const row = this.#db.prepare<[number], InstallationRow>(`${SELECT_SEALED_INSTALLATION} WHERE i.id = ?`).get(id)
    if (row === undefined) throw new StoreError('WRONG_STATE', `cannot find installation ${id}: its row is gone`)
    return installationOf(row)
  }

  /** Quarantine comes over what the operator switched off, and takes nothing of that back. */
  #isSwitchedOff({ name, state }: Installation): boolean {
    if (state !== 'quarantined') return state === 'disabled'
    return this.events.latest(name, ['quarantined'])?.details.from === 'disabled'
  }

  /** Compares the state again inside the transaction: it may have moved since the caller looked. Gives the one it was. */
  #move(installation: Installation, to: InstallationState): InstallationState {
    const { state, name, installedAtMs } = this.#get(installation.id)
    // SQLite gives the number of a row that is gone to the next: a verdict about what was there is none about this one.
    if (name !== installation.name || installedAtMs !== installation.installedAtMs) {
      throw cannotMove(installation, to, 'not installed any more')
    }
    if (!mayBecome(state, to)) throw cannotMove(installation, to, state)
    this.#db
      .prepare('UPDATE installations SET state = ?, holder = ?, changed_at_ms = ? WHERE id = ?')
      .run(to, this.#holder(), this.#now(), installation.id)
    return state
  }

  /** One installation of a plugin in the making; and none over a tree, or data, that is still being taken away. */
  #releaseUid(name: PluginName): void {
    const released = this.#db
      .prepare<[string], { uid: number }>(
        `SELECT uid FROM plugins p WHERE name = ? AND uid IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM installations i WHERE i.plugin_id = p.id)`,
      )
      .get(name)
    if (released === undefined) return
    this.#db.prepare('UPDATE plugins SET uid = NULL WHERE name = ?').run(name)
    this.events.append(this.#now(), 'purged', name, { uid: released.uid })
  }

  #refuseSecond(name: PluginName, digest: string): void {
    const other = this.#db
      .prepare<[string, string], { state: string; holder: string }>(
        `SELECT i.state, i.holder FROM installations i
         JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id
         WHERE p.name = ? AND (i.state = 'installing' OR (i.state = 'removing' AND (r.sha256 = ? OR i.purging = 1)))`,
      )
      .get(name, digest)
    if (other === undefined) return
    const pid = pidOf(other.holder)
    const what = other.state === 'installing' ? `process ${pid} is installing it` : 'it is still being removed'
    throw new StoreError('STORE_BUSY', `cannot install ${name}: ${what}`, {
      hint: 'try again when it has finished',
      details: { pid },
    })
  }

  #adoptPlugin(name: PluginName): number {
    const known = this.#db
      .prepare<[string], { id: number; uid: number | null }>('SELECT id, uid FROM plugins WHERE name = ?')
      .get(name)
    if (known !== undefined && known.uid !== null) return known.id
    const uid = freeUid(this.#db, this.#uids)
    if (known !== undefined) {
      this.#db.prepare('UPDATE plugins SET uid = ? WHERE id = ?').run(uid, known.id)
      return known.id
    }
    const { lastInsertRowid } = this.#db
      .prepare('INSERT INTO plugins (name, uid, first_seen_ms) VALUES (?, ?, ?)')
      .run(name, uid, this.#now())
    return Number(lastInsertRowid)
  }

  #holder(): string {
    const holder = holderOf(process.pid)
    if (holder === null) throw new StoreError('STORE_UNREADABLE', 'cannot read /proc/self/stat: is /proc mounted?')
    return holder
  }
}

const cannotMove = ({ name, version }: Installation, to: InstallationState, found: string): StoreError =>
  new StoreError('WRONG_STATE', `cannot make ${name} ${version} ${to}: it is ${found}`)
