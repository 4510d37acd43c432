import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { KILLED, type Outcome, refusal } from '../core/outcome.ts'
import { LEAVES_FILE, REPORT_FILE, SPEC_FILE } from './hand-over.ts'
import { isLeafOf, sweepLeaf } from './leaves.ts'
import { parseReport, REPORT_BYTES_MAX, ReportFault } from './report.ts'

/** How a handed-over run ended. */
export interface TakenUp {
  readonly run: string
  readonly outcome: Outcome
  readonly endedAtMs: number
  /** The launcher was gone and had left no report: `outcome` is what can be said without one. */
  readonly lost: boolean
}

const RUN = /^[a-z0-9-]{1,64}$/

/**
 * Takes up what handed-over runs left in the spool: each ended one is given to `record`, and forgotten once that
 * returned, so a crash between the two only repeats it. `isAlive` knows from the run's row whether its process is still
 * there; only what it denies is swept.
 */
export function takeUp(
  spool: string,
  isAlive: (run: string) => boolean,
  record: (taken: TakenUp) => void,
): readonly TakenUp[] {
  const taken: TakenUp[] = []
  for (const run of runsIn(spool)) {
    const folder = join(spool, run)
    const one = reportOf(run, folder) ?? (isAlive(run) ? null : lostRun(run, folder))
    if (one === null) continue
    if (one.lost) for (const leaf of leavesIn(folder, run)) sweepLeaf(leaf)
    record(one)
    rmSync(folder, { recursive: true, force: true })
    taken.push(one)
  }
  return taken
}

function runsIn(spool: string): string[] {
  try {
    return readdirSync(spool).filter((name) => RUN.test(name))
  } catch {
    return []
  }
}

function reportOf(run: string, folder: string): TakenUp | null {
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
function lostRun(run: string, folder: string): TakenUp {
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
