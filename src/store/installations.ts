import { StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import { type Db, read } from './database.ts'
import { isAlive, pidOf } from './holder.ts'
import { type InstallationRow, installationOf, SELECT_INSTALLATION, SELECT_SEALED_INSTALLATION } from './rows.ts'

/** The rows of what is installed, kept, coming and going: the side that only reads. */
export class Installations {
  protected readonly db: Db

  constructor(db: Db) {
    this.db = db
  }

  /** The settled installation of a plugin, or `null`. */
  find(name: PluginName): Installation | null {
    const row = read(this.db, () =>
      this.db
        .prepare<[string], InstallationRow>(
          `${SELECT_SEALED_INSTALLATION} WHERE p.name = ? AND i.state IN ('installed', 'disabled', 'quarantined')`,
        )
        .get(name),
    )
    return row === undefined ? null : installationOf(row)
  }

  /** Versions that can be gone back to, the one that was left last first. */
  kept(name: PluginName): Installation[] {
    const kept = `${SELECT_SEALED_INSTALLATION} WHERE p.name = ? AND i.state = 'kept' ORDER BY i.changed_at_ms DESC, i.id DESC`
    return read(this.db, () => this.db.prepare<[string], InstallationRow>(kept).all(name)).map(installationOf)
  }

  /** The same as versions alone, of every plugin that has any. */
  keptVersions(): ReadonlyMap<string, readonly string[]> {
    const kept = `SELECT p.name, json_group_array(r.version ORDER BY i.changed_at_ms DESC, i.id DESC) AS versions
                  FROM installations i JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id
                  WHERE i.state = 'kept' GROUP BY p.id`
    const rows = read(this.db, () => this.db.prepare<[], { name: string; versions: string }>(kept).all())
    return new Map(rows.map(({ name, versions }) => [name, JSON.parse(versions) as string[]]))
  }

  /** The row of a number, whatever its state; `null`: it is gone. */
  at(id: number): Installation | null {
    const row = read(this.db, () =>
      this.db.prepare<[number], InstallationRow>(`${SELECT_SEALED_INSTALLATION} WHERE i.id = ?`).get(id),
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
    return read(this.db, () => this.db.prepare<[], { name: string }>(settled).all()).map(
      ({ name }) => name as PluginName,
    )
  }

  /** Rows that a process which is gone left pending; the caller finishes or undoes each. */
  interrupted(): Installation[] {
    const pending = `${SELECT_INSTALLATION} WHERE i.state IN ('installing', 'removing') ORDER BY i.id`
    return this.#all(pending).filter(({ holder }) => !isAlive(holder))
  }

  /** Whether any installation still needs the tree of this release. */
  holdsRelease(installation: Pick<Installation, 'id' | 'name' | 'digest'>): boolean {
    const other = read(this.db, () =>
      this.db
        .prepare<[string, string, number], { id: number }>(
          `SELECT i.id FROM installations i JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id
           WHERE p.name = ? AND r.sha256 = ? AND i.id <> ?`,
        )
        .get(installation.name, installation.digest, installation.id),
    )
    return other !== undefined
  }

  #all(select: string): Installation[] {
    return read(this.db, () => this.db.prepare<[], InstallationRow>(select).all()).map(installationOf)
  }

  protected get(id: number): Installation {
    const row = this.db.prepare<[number], InstallationRow>(`${SELECT_SEALED_INSTALLATION} WHERE i.id = ?`).get(id)
    if (row === undefined) throw new StoreError('WRONG_STATE', `cannot find installation ${id}: its row is gone`)
    return installationOf(row)
  }

  /**
   * None over a tree, or data, that is still being taken away; none beside one that an earlier version began; and none of what has
   * come to be kept since the caller looked, and need not be brought in.
   */
  protected refuseSecond(name: PluginName, digest: string): void {
    const other = this.db
      .prepare<{ name: string; digest: string }, { state: string; holder: string }>(
        `SELECT i.state, i.holder FROM installations i
         JOIN plugins p ON p.id = i.plugin_id JOIN releases r ON r.id = i.release_id
         WHERE p.name = @name AND (i.state = 'installing' OR (i.state = 'removing' AND i.purging = 1)
           OR (i.state IN ('kept', 'removing') AND r.sha256 = @digest))`,
      )
      .get({ name, digest })
    if (other === undefined) return
    const pid = pidOf(other.holder)
    const what = whatIsDone(other.state, pid)
    throw new StoreError('STORE_BUSY', `cannot install ${name}: ${what}`, {
      hint: 'try again when it has finished',
      details: { pid },
    })
  }

  /** SQLite gives the number of a row that is gone to the next: a verdict about what was there is none about this one. */
  protected still(installation: Installation, to: string): Installation {
    const now = this.get(installation.id)
    if (now.name === installation.name && now.installedAtMs === installation.installedAtMs) return now
    throw cannotMove(installation, to, 'not installed any more')
  }
}

function whatIsDone(state: string, pid: number): string {
  if (state === 'kept') return 'another process has just left that version'
  return state === 'installing' ? `process ${pid} is installing it` : 'it is still being removed'
}

export const cannotMove = ({ name, version }: Installation, to: string, found: string): StoreError =>
  new StoreError('WRONG_STATE', `cannot make ${name} ${version} ${to}: it is ${found}`)
