// Runs a plugin in its compartment: looks at the host, plans the run as data, starts the launcher, reads how it ended.
// Refuses whatever this host cannot enforce, with the layer and the remedy named; never weakens a run by itself.
// Called by the manager alone; it imports core and nothing else.

export { type Caller, surveyCaller } from './caller.ts'
export { surveyCgroups } from './cgroup-parents.ts'
export {
  type CgroupLimit,
  type CgroupPlan,
  type CgroupStep,
  type Controller,
  type LegacyController,
  type MissingLimit,
  type Mode,
  planCgroups,
} from './cgroups.ts'
export { CHANNEL_BOUNDS, type ChannelBounds } from './channel/bounds.ts'
export type { CallOptions } from './channel/calls.ts'
export type { FunctionContext, HostFunction } from './channel/functions.ts'
export { McpChannel, type McpMessage } from './channel/mcp-channel.ts'
export { JsonRpcPeer, type StreamOptions } from './channel/peer.ts'
export { COMPILE_FOLDER, compileHook } from './compile-hook.ts'
export { restoreSnapshot } from './data/restore.ts'
export { dropSnapshot, dropSnapshots, type SnapshotReport, takeSnapshot } from './data/snapshot.ts'
export { closeData, openData, removeData } from './data.ts'
export { type Diagnosis, type DiagnosisOptions, diagnose, type LayerFinding } from './doctor.ts'
export { type HandOver, handOver } from './hand-over.ts'
export { assertHeldWords } from './held-words.ts'
export { HOST_PROFILES, type HostProfile, hostProfile } from './host-profile.ts'
export { type IdRange, type Ids, modeOf, surveyIds, uidRange } from './ids.ts'
export { type Bind, type Interpreter, Interpreters } from './interpreter.ts'
export { eventsOf, type JournalLine, readJournal } from './journal.ts'
export { findLauncher } from './launcher-binary.ts'
export type { ForkedLauncher } from './launching/forked-launcher.ts'
export {
  type HeldRun,
  Launcher,
  noMoreFiles,
  type Run,
  type RunStdio,
  type RunWatch,
  type Started,
} from './launching/launcher.ts'
export { stillness } from './launching/launcher-death.ts'
export type { LauncherStart, RunStream } from './launching/launcher-process.ts'
export { Launchers } from './launching/launchers.ts'
export { isLeafOf, leavesOf, parentsOf, sweepEmpty, sweepLeaf } from './leaves.ts'
export { LogFollower, logsIn, pruneLogs, readLog, removeLogs } from './log-folder.ts'
export type { EnginePlan } from './oci/runtimes.ts'
export { readAtPace } from './pace.ts'
export { type PlanInput, planRun, type RunPlan, redact, type SettingsPlan, type WatchPlan } from './plan.ts'
export { Planner, type RunRequest } from './planner.ts'
export { CONTRACT_VERSION } from './platform.ts'
export type { ParentStatus } from './preload/parent.ts'
export { type PreloadFailure, PreloadParents } from './preload/parents.ts'
export type { PreloadPlan } from './preload/plan.ts'
export { READ_FOLDERS } from './reads.ts'
export type { ReportLine } from './report.ts'
export { figuresOf } from './run-figures.ts'
export { encodeSpec } from './spec.ts'
export { forgetSpool, minutesOf, type TakenUp, takeUp, type Watched, watchedOf } from './spool.ts'
export { makeSocketsFolder, makeSpoolFolder, writeSettings } from './spool-folder.ts'
export { type Stopped, stopLauncher } from './stopping.ts'
export { adopt } from './systemd/user-manager.ts'
