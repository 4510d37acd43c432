import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Minute } from '../core/minute.ts'
import { KILLED, type Outcome, refusal } from '../core/outcome.ts'
import type { RunEvent } from '../core/run-event.ts'
import { ReportFault } from './fields.ts'
import { eventsOf, JOURNAL_BYTES_MAX, readJournal } from './journal.ts'
import { isLeafOf, sweepLeaf } from './leaves.ts'
import { MINUTES_BYTES_MAX, readMinutes } from './minutes.ts'
import { parseReport, REPORT_BYTES_MAX } from './report.ts'
import { FORK_DOOR, JOURNAL_FILE, LEAVES_FILE, MINUTES_FILE, REPORT_FILE, SPEC_FILE } from './spool-folder.ts'

/** What was seen of a run while it went on. */
export interface Watched {
  readonly events: readonly RunEvent[]
  readonly minutes: readonly Minute[]
}

/** How a run ended whose host was not there to see it. */
export interface TakenUp {
  readonly run: string
  readonly outcome: Outcome
  readonly endedAtMs: number
  /** The launcher was gone and had left no report: `outcome` is what can be said without one. */
  readonly lost: boolean
  readonly watched: Watched
}

const RUN = /^[a-z0-9-]{1,64}$/

/**
 * Takes up what runs left in the spool: each ended one is given to `record`, and forgotten once that returned, so a crash
 * between the two only repeats it. `isAlive` knows from the run's row whether its process is still there; only what it
 * denies is swept.
 *
 * The order keeps it from taking a run for lost that goes on: a row is older than its folder, so whoever is asked after
 * the folders were listed knows each of them; and a report is older than its process's end, so it is looked for after that.
 */
export function takeUp(
  spool: string,
  isAlive: (run: string) => boolean,
  record: (taken: TakenUp) => void,
): readonly TakenUp[] {
  const taken: TakenUp[] = []
  for (const run of runsIn(spool)) {
    const folder = join(spool, run)
    const alive = isAlive(run)
    const one = reportOf(run, folder) ?? (alive ? null : lostRun(run, folder))
    if (one === null) continue
    if (one.lost) for (const leaf of leavesIn(folder, run)) sweepLeaf(leaf)
    const whole = { ...one, watched: watchedOf(spool, run) }
    record(whole)
    // By name, since to remove a folder with whatever may be in it takes far longer; the report last, so that what is cut off
    // here is taken up again as it was.
    for (const name of [LEAVES_FILE, REPORT_FILE]) if (existsSync(join(folder, name))) unlinkSync(join(folder, name))
    forgetSpool(spool, run)
    taken.push(whole)
  }
  return taken
}

/** What the launcher of this run wrote about it, so far. */
export function watchedOf(spool: string, run: string): Watched {
  const journal = readOwn(join(spool, run, JOURNAL_FILE), JOURNAL_BYTES_MAX)
  return {
    events: journal === null ? [] : eventsOf(run, readJournal(journal.bytes)),
    minutes: minutesOf(spool, run),
  }
}

/** The minutes of a run so far. The older half is set aside under a name of its own. */
export function minutesOf(spool: string, run: string): Minute[] {
  return [`${MINUTES_FILE}.1`, MINUTES_FILE].flatMap((name) => {
    const file = readOwn(join(spool, run, name), MINUTES_BYTES_MAX)
    return file === null ? [] : readMinutes(file.bytes)
  })
}

/** The folder of a run whose end is recorded. A link in its place goes, and what it leads to stays. */
export function forgetSpool(spool: string, run: string): void {
  try {
    rmdirSync(join(spool, run)) // most have left nothing in it
  } catch {
    rmSync(join(spool, run), { recursive: true, force: true })
  }
}

function runsIn(spool: string): string[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(spool, { withFileTypes: true })
  } catch {
    return []
  }
  // A host that was killed in the millisecond in which its fork server began.
  for (const { name } of entries.filter((entry) => entry.isSocket())) {
    const owner = FORK_DOOR.exec(name)?.[1]
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) rmSync(join(spool, name), { force: true })
  }
  return entries.filter((entry) => entry.isDirectory() && RUN.test(entry.name)).map((entry) => entry.name)
}

type Ended = Omit<TakenUp, 'watched'>

function reportOf(run: string, folder: string): Ended | null {
  const file = readOwn(join(folder, REPORT_FILE), REPORT_BYTES_MAX)
  if (file === null) return null
  const ended = { run, endedAtMs: Math.round(file.modifiedAtMs), lost: false }
  try {
    const report = parseReport(file.bytes)
    if (report !== null) return { ...ended, outcome: report.outcome }
    throw new ReportFault('has no end')
  } catch (error) {
    if (!(error instanceof ReportFault)) throw error
    const reason = `cannot tell how run ${run} ended: its report ${error.message}`
    return { ...ended, outcome: refusal('LAUNCH_FAILED', reason), lost: true }
  }
}

/** The specification still there: the launcher never read it. Gone: it was killed while the plugin ran. */
function lostRun(run: string, folder: string): Ended {
  const unread = statSync(join(folder, SPEC_FILE), { throwIfNoEntry: false }) !== undefined
  const outcome: Outcome = unread
    ? refusal('LAUNCH_FAILED', `cannot tell why run ${run} never began: the launcher left no report`)
    : KILLED
  return { run, outcome, endedAtMs: Date.now(), lost: true }
}

function leavesIn(folder: string, run: string): string[] {
  const file = readOwn(join(folder, LEAVES_FILE), 64 * 1024)
  return (file?.bytes.toString('utf8') ?? '').split('\n').filter((leaf) => isLeafOf(leaf, run))
}

/** The spool is ours alone; still nothing but a regular file of ours is read from it. */
function readOwn(path: string, bytesMax: number): { bytes: Buffer; modifiedAtMs: number } | null {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return null
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.uid !== process.geteuid?.() || stat.size > bytesMax) return null
    return { bytes: readFileSync(fd), modifiedAtMs: stat.mtimeMs }
  } finally {
    closeSync(fd)
  }
}
