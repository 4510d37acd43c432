import { StoreError } from '../core/errors.ts'
import { type Installation, type InstallationState, mayBecome } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { ReleaseHistory, VerifiedRelease } from '../core/verified.ts'
import { Approvals, type NewApproval } from './approvals.ts'
import { Changes } from './changes.ts'
import { Clock } from './clock.ts'
import { type Db, openDatabase, transact } from './database.ts'
import { Events, noteUnsigned } from './events.ts'
import { ownHolder } from './holder.ts'
import { Holds } from './holds.ts'
import { cannotMove, Installations } from './installations.ts'
import type { Inventory, InventoryOptions } from './inventory.ts'
import { Plugins } from './plugins.ts'
import { Releases } from './releases.ts'
import { Runs } from './runs.ts'
import { Snapshots } from './snapshots.ts'
import type { Beginning, Retirement, Settled, Settlement, Switch } from './transitions.ts'
import type { UidRange } from './uids.ts'
import { Verdicts } from './verdicts.ts'

export interface StoreOptions {
  readonly path: string
  readonly uids: UidRange
  readonly now: () => number
}

/**
 * What this host has. Every method is one transaction, takes effect as a whole or not at all, and leaves its line in
 * the audit trail in that same transaction.
 */
export class Store extends Installations {
  readonly #now: () => number
  readonly #plugins: Plugins
  readonly approvals: Approvals
  readonly changes: Changes
  readonly clock: Clock
  readonly events: Events
  readonly holds: Holds
  readonly releases: Releases
  readonly runs: Runs
  readonly snapshots: Snapshots
  readonly verdicts: Verdicts

  private constructor(db: Db, options: StoreOptions) {
    super(db)
    this.#now = options.now
    this.changes = new Changes(db, options.now)
    this.clock = new Clock(db, options.now)
    this.events = new Events(db)
    this.releases = new Releases(db, options.now)
    this.verdicts = new Verdicts(db, options.now)
    this.approvals = new Approvals(db, options.now, this.events)
    this.holds = new Holds(db, options.now, this.events)
    this.runs = new Runs(db, options.now, this.events)
    this.snapshots = new Snapshots(db, options.now)
    this.#plugins = new Plugins(db, options.uids, this.events, options.now)
  }

  /** @throws StoreError `STORE_TOO_NEW`, `STORE_BUSY`, `STORE_UNREADABLE` or `DISK_FAILED` */
  static open(options: StoreOptions): Store {
    return new Store(openDatabase(options.path), options)
  }

  get isOpen(): boolean {
    return this.db.open
  }

  close(): void {
    this.db.close()
  }

  /**
   * The first step of a change that brings a release in: row `installing`, user id allocated.
   *
   * @throws StoreError `ALREADY_INSTALLED` when the same bytes are installed, `STORE_BUSY` when they are kept or still being
   * removed or the plugin is not as it was when its release was judged, `UIDS_EXHAUSTED`
   */
  begin(release: VerifiedRelease, { change, consent, seenHighWater, before, source, asked }: Beginning): Installation {
    const { statement, unsigned } = release.verified
    const { name } = statement
    return transact(this.db, () => {
      this.assertNew(release)
      this.refuseSecond(name, statement.sha256)
      if (this.history(name).highWater !== seenHighWater || this.find(name)?.id !== before?.id) {
        throw new StoreError('STORE_BUSY', `cannot install ${name}: another process has just changed it`, {
          hint: 'try again',
        })
      }
      const { id: pluginId, gaveUid } = this.#plugins.adopt(name)
      const releaseId = this.releases.adopt(pluginId, release)
      const now = this.#now()
      const { lastInsertRowid } = this.db
        .prepare(
          `INSERT INTO installations (plugin_id, release_id, state, consent, holder, installed_at_ms, changed_at_ms,
             unsigned_until_ms, source, asked, requires, gave_uid)
           VALUES (?, ?, 'installing', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          pluginId,
          releaseId,
          JSON.stringify(consent),
          ownHolder(),
          now,
          now,
          unsigned?.untilMs ?? null,
          source,
          asked,
          JSON.stringify(release.manifest.requires),
          gaveUid ? 1 : 0,
        )
      const installation = this.get(Number(lastInsertRowid))
      this.changes.noteInside(change, 'record', { undo: 'forget', installation: installation.id })
      return installation
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

  /**
   * `installing` becomes `installed`; what was installed before is kept, and what was kept the longest is not any more, in the
   * same moment. The change is over.
   */
  settle(installation: Installation, settled: Settled): Settlement {
    return transact(this.db, () => {
      settled.assertFits?.()
      const before = this.find(installation.name)
      const isDisabled = this.#takeOver(before, installation, settled)
      this.db.prepare('UPDATE plugins SET high_water = ? WHERE name = ?').run(settled.highWater, installation.name)
      this.releases.arriveInside(installation)
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
        ...(installation.source === null ? {} : { source: installation.source }),
        ...(isDisabled ? { state: 'disabled' } : {}),
      })
      noteUnsigned(this.events, this.#now(), installation)
      if (settled.approval !== null) this.approvals.keepInside(installation, settled.approval)
      const surplus = this.#prune(installation.name, settled.keep)
      return {
        installation: this.get(installation.id),
        replaced: before === null ? null : this.get(before.id),
        surplus,
      }
    })
  }

  /** A kept release becomes the installed one, and that is kept: all in one moment. The change is over. */
  switchTo(kept: Installation, before: Installation, how: Switch): Installation {
    return transact(this.db, () => {
      how.assertFits?.()
      // The seal it was left with still holds, or the next check makes another.
      const isDisabled = this.#takeOver(before, kept, { ...how, seal: kept.seal })
      if (how.approval !== null) this.#grant(kept, how.approval)
      if (how.origin !== undefined) this.#comeFrom(kept, how.origin)
      this.snapshots.forgetInside(kept)
      this.releases.arriveInside(kept)
      if (how.way === 'back' || how.isLeft === true) this.releases.leaveInside(before)
      this.#plugins.lower(before, how.mark)
      this.clock.raiseInside()
      this.events.append(this.#now(), how.way === 'forth' ? 'switched' : 'rolled-back', kept.name, {
        version: kept.version,
        sha256: kept.digest,
        replaced: before.version,
        ...(how.origin?.source == null ? {} : { source: how.origin.source }),
        ...how.details,
        ...(isDisabled ? { state: 'disabled' } : {}),
      })
      return this.get(kept.id)
    })
  }

  /** Moves an installation along the lifecycle table, and says why. */
  advance(installation: Installation, to: InstallationState, reason: string, code?: string): Installation {
    return transact(this.db, () => {
      const { state } = this.get(installation.id)
      // What the caller saw and checked was another state: nothing comes out of quarantine as if it was only switched off, and
      // nothing that was left meanwhile comes back beside what has taken its place.
      if (to === 'installed' && state !== installation.state) throw cannotMove(installation, to, state)
      const from = this.#move(installation, to)
      const { name, version } = installation
      this.events.append(this.#now(), to, name, { version, reason, ...(code === undefined ? {} : { code }), from })
      return this.get(installation.id)
    })
  }

  /**
   * First half of a removal: the plugin can no longer be run, and its tree may go.
   *
   * @throws StoreError `WRONG_STATE` while any version of it runs
   */
  retire(installation: Installation, { purge, change, leftovers = [], assertFits, mark }: Retirement): Installation[] {
    return transact(this.db, () => {
      assertFits?.()
      this.#plugins.lower(installation, mark)
      // In this transaction, as `runs.begin` looks at the state in its own: no run can slip in between.
      this.runs.assertNoneOf(installation)
      const all = [installation, ...this.kept(installation.name)]
      for (const one of all) {
        this.#move(one, 'removing')
        this.db.prepare('UPDATE installations SET purging = ? WHERE id = ?').run(purge ? 1 : 0, one.id)
      }
      const kept = all.slice(1).map(({ version }) => version)
      this.events.append(this.#now(), 'removing', installation.name, {
        version: installation.version,
        purge,
        ...(kept.length === 0 ? {} : { kept }),
      })
      this.holds.dropInside(installation.name)
      this.approvals.dropWaitingInside(installation.name)
      if (change !== undefined) this.changes.commitInside(change, leftovers)
      return all.map(({ id }) => this.get(id))
    })
  }

  /** What is installed may do this from now on, and no more. */
  grant(installation: Installation, approval: NewApproval): void {
    transact(this.db, () => this.#grant(installation, approval))
  }

  #grant(installation: Installation, approval: NewApproval): void {
    this.still(installation, 'what was agreed to')
    this.approvals.keepInside(installation, approval)
    const consent = JSON.stringify(approval.agreement.permissions)
    this.db.prepare('UPDATE installations SET consent = ? WHERE id = ?').run(consent, installation.id)
  }

  #comeFrom({ id }: Installation, { source, asked }: NonNullable<Switch['origin']>): void {
    this.db.prepare('UPDATE installations SET source = ?, asked = ? WHERE id = ?').run(source, asked, id)
  }

  #prune(name: PluginName, keep: number): Installation[] {
    return this.kept(name)
      .slice(keep)
      .map((one) => this.#drop(one))
  }

  /** One kept version: its tree may go. */
  drop(kept: Installation): Installation {
    return transact(this.db, () => this.#drop(kept))
  }

  #drop(kept: Installation): Installation {
    this.#move(kept, 'removing')
    this.events.append(this.#now(), 'removing', kept.name, { version: kept.version, purge: false })
    return this.get(kept.id)
  }

  /** Takes over a pending row whose holder is gone; `null` when another process was faster, and the row is its to finish. */
  claim(interrupted: Installation): Installation | null {
    return transact(this.db, () => {
      const { changes } = this.db
        .prepare('UPDATE installations SET holder = ? WHERE id = ? AND holder = ? AND state = ?')
        .run(ownHolder(), interrupted.id, interrupted.holder, interrupted.state)
      return changes === 1 ? this.get(interrupted.id) : null
    })
  }

  /** Leaves a pending row to whichever command comes next, though this process lives on. */
  abandon(pending: Installation): void {
    transact(this.db, () => {
      this.db.prepare("UPDATE installations SET holder = '' WHERE id = ?").run(pending.id)
    })
  }

  /**
   * Deletes the row of an installation whose tree is gone, and gives its user id back when its data went too, or when it
   * never was installed. Not while another installation of the plugin has a row: that one may own files.
   */
  forget(installation: Installation): void {
    const { id, name, version, state, isPurging } = installation
    transact(this.db, () => {
      const gone = this.db
        .prepare<[number], { gave_uid: number; release_id: number }>(
          'DELETE FROM installations WHERE id = ? RETURNING gave_uid, release_id',
        )
        .get(id)
      if (gone === undefined) return
      this.verdicts.sweep()
      this.events.append(this.#now(), 'forgotten', name, { version, state })
      if (state === 'installing') {
        this.releases.forgetUninstalled(gone.release_id)
        if (gone.gave_uid === 1) this.#plugins.releaseUid(name, 'undone')
        this.#plugins.forgetUnknown(name)
        return
      }
      if (!this.#isHere(installation)) this.snapshots.forgetInside(installation)
      if (isPurging) this.#plugins.releaseUid(name, 'purged')
    })
  }

  /** For a plugin that was removed before and whose kept data is gone now: gives its user id back. */
  forgetKept(name: PluginName): void {
    transact(this.db, () => this.#plugins.releaseUid(name, 'purged'))
  }

  /** Keeps what the launcher saw of a tree that was just found equal to its signed list. */
  reseal(installation: Installation, seal: Buffer): void {
    transact(this.db, () => {
      this.db.prepare('UPDATE installations SET seal = ? WHERE id = ?').run(seal, installation.id)
    })
  }

  /** Writes a decision that changed no row: a refusal, a change of policy, a weaker run. */
  note(kind: string, subject: string, details: Readonly<Record<string, unknown>>): void {
    transact(this.db, () => {
      this.clock.raiseInside()
      this.events.append(this.#now(), kind, subject, details)
    })
  }

  /** The latest moment that was seen was a wrong one: from here on it is that of the clock now. */
  resetClock(reason: string): void {
    transact(this.db, () => {
      const seenMs = this.clock.seenMs()
      this.clock.reset()
      this.events.append(this.#now(), 'clock-reset', 'clock', { seenMs, nowMs: this.clock.seenMs(), reason })
    })
  }

  /** The disk against the rows, both ways. */
  async inventory(options: InventoryOptions): Promise<Inventory> {
    const { takeInventory } = await import('./inventory.ts')
    return takeInventory(this.db, options)
  }

  history(name: PluginName): ReleaseHistory {
    return this.releases.history(name)
  }

  /** Quarantine comes over what the operator switched off, and takes nothing of that back. */
  isSwitchedOff({ name, state }: Installation): boolean {
    if (state !== 'quarantined') return state === 'disabled'
    return this.events.latest(name, ['quarantined'])?.details.from === 'disabled'
  }

  /** Compares the state again inside the transaction: it may have moved since the caller looked. Gives the one it was. */
  #move(installation: Installation, to: InstallationState): InstallationState {
    const { state } = this.still(installation, to)
    if (!mayBecome(state, to)) throw cannotMove(installation, to, state)
    this.db
      .prepare('UPDATE installations SET state = ?, holder = ?, changed_at_ms = ? WHERE id = ?')
      .run(to, ownHolder(), this.#now(), installation.id)
    return state
  }

  /** What both ways of changing the active release have in common. Gives whether it is switched off, as the one before was. */
  #takeOver(
    before: Installation | null,
    next: Installation,
    how: Pick<Settled, 'change' | 'snapshot' | 'seal' | 'leftovers'>,
  ): boolean {
    this.changes.commitInside(how.change, how.leftovers)
    // What the operator switched off stays off, meanwhile too: an update is no consent to run it again.
    const isDisabled = before !== null && this.isSwitchedOff(this.get(before.id))
    if (before !== null) this.#move(before, 'kept')
    this.#move(next, 'installed')
    if (isDisabled) this.#move(next, 'disabled')
    this.db.prepare('UPDATE installations SET seal = ? WHERE id = ?').run(how.seal, next.id)
    if (before !== null && how.snapshot !== null) this.snapshots.keepInside(before, how.snapshot)
    return isDisabled
  }

  #isHere({ name, digest }: Installation): boolean {
    return this.holdsRelease({ name, digest, id: -1 })
  }
}
