import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import type { LogEntry } from '../core/log-entry.ts'
import { LogLines } from './log-lines.ts'
import { dropEmptyNamespace } from './namespace-folder.ts'

/** However little each has written: a plugin that is started a million times must not use up the inodes either. */
export const LOGS_OF_A_PLUGIN_MAX = 100

const FILE = /^([a-z0-9-]{1,64})\.log(?:\.1)?$/
const CHUNK = 256 * 1024

/** The log of one run: a file, and the one that was set aside before it. */
export interface RunLog {
  readonly run: string
  readonly files: readonly string[]
  readonly bytes: number
  /** When it was last written to. */
  readonly changedAtMs: number
}

/** Logs of a plugin's runs, oldest first: the name of a run begins with its time. */
export function logsIn(folder: string): RunLog[] {
  const logs = new Map<string, RunLog>()
  for (const name of list(folder).sort()) {
    const [, run] = FILE.exec(name) ?? []
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false })
    if (run === undefined || stat === undefined || !stat.isFile()) continue
    const known = logs.get(run)
    logs.set(run, {
      run,
      files: [...(known?.files ?? []), join(folder, name)],
      bytes: (known?.bytes ?? 0) + stat.size,
      changedAtMs: Math.max(known?.changedAtMs ?? 0, stat.mtimeMs),
    })
  }
  return [...logs.values()]
}

/**
 * Keeps the logs of a plugin within `bytesMax`, and no more than so many; the oldest go first. A run that goes on keeps
 * its own, which its launcher bounds.
 */
export function pruneLogs(folder: string, bytesMax: number, isLive: (run: string) => boolean): number {
  let bytes = 0
  let kept = 0
  let removed = 0
  for (const log of logsIn(folder).reverse()) {
    bytes += log.bytes
    kept++
    if ((bytes <= bytesMax && kept <= LOGS_OF_A_PLUGIN_MAX) || isLive(log.run)) continue
    for (const file of log.files) rmSync(file, { force: true })
    removed++
  }
  return removed
}

/** All of them, and the folder of the namespace when nothing else is in it. */
export function removeLogs(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  dropEmptyNamespace(folder)
}

/** The log of a run as it is now. */
export function readLog(folder: string, run: string): LogEntry[] {
  const lines = new LogLines(run)
  return [
    ...[`${run}.log.1`, `${run}.log`].flatMap((name) => lines.push(readAll(join(folder, name)))),
    ...lines.flush(),
  ]
}

/**
 * Follows the log of a run that goes on, across the moment when its file is set aside. It holds the file open, so what is
 * read next belongs to what was read before, whatever has happened to its name.
 */
export class LogFollower {
  readonly #path: string
  readonly #lines: LogLines
  #fd = -1
  #heldBefore = 0

  constructor(folder: string, run: string) {
    this.#path = join(folder, `${run}.log`)
    this.#lines = new LogLines(run)
  }

  /** What has come since. */
  read(): LogEntry[] {
    const entries = this.#fd < 0 ? this.#begin() : this.#goOn()
    // An unfinished line is shown when it stood still from one look to the next: a question waits for its answer.
    const held = this.#lines.heldBytes
    const shown = held > 0 && held === this.#heldBefore ? this.#lines.flush() : []
    this.#heldBefore = held
    return [...entries, ...shown]
  }

  /** Reads to its end, and lets go of it. */
  end(): LogEntry[] {
    const entries = [...this.read(), ...this.#lines.flush()]
    this.close()
    return entries
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }

  #begin(): LogEntry[] {
    const older = readAll(`${this.#path}.1`)
    this.#fd = openLog(this.#path)
    // Set aside between the two looks: then what is open now is what comes after it.
    const again = this.#fd >= 0 && older.length === 0 ? readAll(`${this.#path}.1`) : older
    return [...this.#lines.push(again), ...this.#toEnd()]
  }

  #goOn(): LogEntry[] {
    let entries = this.#toEnd()
    const now = lstatSync(this.#path, { throwIfNoEntry: false })
    const { ino } = fstatSync(this.#fd)
    if (now === undefined || now.ino === ino) return entries
    // Nobody writes to a file that was set aside: after this it is at its end.
    entries = entries.concat(this.#toEnd())
    const aside = lstatSync(`${this.#path}.1`, { throwIfNoEntry: false })
    // Joined, not pushed as arguments: a log of short lines has more of them than a stack has room.
    if (aside !== undefined && aside.ino !== ino) entries = entries.concat(this.#lines.push(readAll(`${this.#path}.1`)))
    this.close()
    this.#fd = openLog(this.#path)
    return [...entries, ...this.#toEnd()]
  }

  #toEnd(): LogEntry[] {
    if (this.#fd < 0) return []
    const entries: LogEntry[] = []
    const chunk = Buffer.allocUnsafe(CHUNK)
    for (let got = readSync(this.#fd, chunk); got > 0; got = readSync(this.#fd, chunk)) {
      entries.push(...this.#lines.push(Buffer.from(chunk.subarray(0, got))))
    }
    return entries
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** -1: there is none, or what is there is no file of ours. */
function openLog(path: string): number {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return -1
  }
  const stat = fstatSync(fd)
  if (stat.isFile() && stat.uid === process.geteuid?.()) return fd
  closeSync(fd)
  return -1
}

function readAll(path: string): Buffer {
  const fd = openLog(path)
  if (fd < 0) return Buffer.alloc(0)
  try {
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}
