// The store: what this host has, in SQLite and on disk. It refuses a database newer than itself, a second change to one
// plugin at a time, and any file that the signed list does not name. The conductors call it; it calls nobody but core.

export type { Approval, KeptApproval, NewApproval, WaitingUpdate } from './approvals.ts'
export { readBounded } from './bounded-file.ts'
export {
  COMPILED_BYTES_MAX,
  COMPILED_FILES_MAX,
  checkedCompileCache,
  hasCompileCache,
  removeCompileCache,
  removeSupersededCompileCaches,
  writeCompileCache,
} from './compile-cache.ts'
export { DiskUse } from './disk-use.ts'
export type { AuditEvent } from './events.ts'
export type { Judged } from './evidence.ts'
export type { Hold } from './holds.ts'
export type { Inventory, InventoryOptions, Stray } from './inventory.ts'
export { namesOfReleases } from './release-folders.ts'
export type { KnownRelease } from './releases.ts'
export type { OpenRun, RunRecord } from './runs.ts'
export { type KeptSnapshot, looseFolder } from './snapshots.ts'
export { sqliteBinding } from './sqlite-binding.ts'
export { Store, type StoreOptions } from './store.ts'
export type { Settled, Settlement, Switch, SwitchWay } from './transitions.ts'
export type { Differences } from './tree-check.ts'
export type { ReleaseBeside, Shared } from './tree-sharing.ts'
export { type TreeCheck, Trees, type UnpackedTree, type UnpackOptions } from './trees.ts'
export type { UidRange } from './uids.ts'
export type { KeptVerdict, KeptVerdicts, Verdict } from './verdicts.ts'
