import { rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { IsolationError } from '../core/errors.ts'
import { engineOf } from './engine.ts'
import { leavesOf } from './leaves.ts'
import type { RunPlan } from './plan.ts'
import { encodeSpec } from './spec.ts'
import { LEAVES_FILE, makeSpoolFolder, REPORT_FILE, SPEC_FILE, watchFiles, writeSettings } from './spool-folder.ts'

export interface HandOver {
  /** `layout.spool`; made if it is not there. */
  readonly spool: string
  /** The launcher. */
  readonly binary: string
  /** `plugins run --report FILE`. */
  readonly outcomeFile?: string | undefined
}

/**
 * This process becomes the launcher: what follows costs no Node. The caller has committed the run's row
 * before; its database ends with this process. Stdin, stdout, stderr, pid and parent stay what they are; nothing of Node's survives.
 *
 * The specification goes through a file because descriptors that Node opens do not survive execve. Its environment is
 * empty, and the specification is the one argument: both stay readable in /proc for as long as the run lasts.
 */
export function handOver(plan: RunPlan, { spool, binary, outcomeFile }: HandOver): never {
  const folder = spoolRun(plan, { spool, binary, outcomeFile })
  try {
    // The warning that execve is experimental is printed on the next tick, which does not come.
    process.execve?.(binary, ['bulkhead-launch', '--spec', join(folder, SPEC_FILE)], {})
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw new IsolationError('LAUNCH_FAILED', `cannot start ${binary}: ${(error as Error).message}`, { cause: error })
  }
  rmSync(folder, { recursive: true, force: true })
  throw new IsolationError('LAUNCH_FAILED', 'cannot hand over to the launcher: this Node has no process.execve', {
    hint: 'use Node 22.22, 24.15 or newer',
  })
}

/** Writes what the launcher reads, in a folder that is this run's alone. */
export function spoolRun(plan: RunPlan, { spool, binary, outcomeFile }: HandOver): string {
  const folder = join(spool, plan.run)
  const ending = {
    reportFile: join(folder, REPORT_FILE),
    outcomeFile: outcomeFile === undefined ? undefined : resolve(outcomeFile),
    ...watchFiles(folder),
  }
  // Before a folder is made: a plan that cannot be put into words leaves nothing.
  const words = encodeSpec(plan, ending)
  makeSpoolFolder(spool, plan.run)
  writeSettings(plan)
  const engine = engineOf(plan).prepare(plan, folder, binary)
  const spec = engine === null ? words : encodeSpec(plan, { ...ending, engine })
  writeFileSync(join(folder, LEAVES_FILE), leavesOf(plan).join('\n'), { mode: 0o600, flag: 'wx' })
  // wx is O_CREAT|O_EXCL: a file that somebody else put there is never written.
  writeFileSync(join(folder, SPEC_FILE), spec, { mode: 0o600, flag: 'wx' })
  return folder
}
