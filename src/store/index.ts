// The store: what this host has, in SQLite and on disk. It refuses a database newer than itself, a second change to one
// plugin at a time, and any file that the signed list does not name. The conductors call it; it calls nobody but core.
export type { AuditEvent } from './events.ts'
export { namesOfReleases } from './release-folders.ts'
export type { KnownRelease } from './releases.ts'
export type { OpenRun, RunRecord } from './runs.ts'
export type { KeptSnapshot } from './snapshots.ts'
export { sqliteBinding } from './sqlite-binding.ts'
export { Store, type StoreOptions } from './store.ts'
export type { Switch } from './transitions.ts'
export type { Differences } from './tree-check.ts'
export { type TreeCheck, Trees, type UnpackedTree } from './trees.ts'
export type { UidRange } from './uids.ts'
export type { KeptVerdict, KeptVerdicts, Verdict } from './verdicts.ts'
