// Runs a plugin in its compartment: looks at the host, plans the run as data, starts the launcher, reads how it ended.
// Refuses whatever this host cannot enforce, with the layer and the remedy named; never weakens a run by itself.
// Called by the manager alone; it imports core and nothing else.

export { type Caller, surveyCaller } from './caller.ts'
export { surveyCgroups } from './cgroup-parents.ts'
export { type CgroupPlan, type MissingLimit, type Mode, planCgroups } from './cgroups.ts'
export { closeData, openData, removeData } from './data.ts'
export { type Diagnosis, type DiagnosisOptions, diagnose, type LayerFinding } from './doctor.ts'
export { type HandOver, handOver } from './hand-over.ts'
export { type IdRange, type Ids, modeOf, surveyIds, uidRange } from './ids.ts'
export { type Bind, type Interpreter, Interpreters } from './interpreter.ts'
export { eventsOf, type JournalLine, readJournal } from './journal.ts'
export { Launcher, type Run, type RunStdio, type RunWatch, type Started } from './launcher.ts'
export { findLauncher } from './launcher-binary.ts'
export { isLeafOf, leavesOf, parentsOf, sweepEmpty, sweepLeaf } from './leaves.ts'
export { type PlanInput, planRun, type RunPlan, redact } from './plan.ts'
export { Planner, type RunRequest } from './planner.ts'
export { CONTRACT_VERSION } from './platform.ts'
export { READ_FOLDERS } from './reads.ts'
export { encodeSpec } from './spec.ts'
export { forgetSpool, type TakenUp, takeUp, type Watched, watchedOf } from './spool.ts'
export { makeSpoolFolder } from './spool-folder.ts'
export { adopt } from './systemd/user-manager.ts'
