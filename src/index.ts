// The public library, `@bulkhead/plugins`. What the command line can do, a host application can do. Types and errors are
// here at once; everything that works is loaded when it is first asked for.
import type { HostOptions } from './manager/host.ts'
import type { ExecuteOptions } from './manager/run.ts'
import type { PluginManager } from './manager.ts'
import type { Marketplace } from './marketplace.ts'
import type { HostProfile } from './runtime/index.ts'

export type { AgreedProgram, Agreement, ConsentWay, UnaskedRun } from './core/agreement.ts'
export type { Argument } from './core/arguments.ts'
export { type AuditHead, formatAuditHead } from './core/audit-head.ts'
export type { Change } from './core/change.ts'
export type { AlertConfig, NetworkPolicy } from './core/config.ts'
export type { Dependent } from './core/dependents.ts'
export type { Sha256 } from './core/digest.ts'
export type { EngineName } from './core/engines.ts'
export { ERROR_CODES, type ErrorCode } from './core/error-codes.ts'
export {
  ArchiveError,
  CallError,
  type ErrorExtras,
  FetchError,
  IsolationError,
  ManifestError,
  PluginError,
  RegistryError,
  ResourceLimitError,
  StoreError,
  TimeoutError,
  UsageError,
  VerificationError,
} from './core/errors.ts'
export { EXIT_CODES, type ExitCode, RUN_EXIT_CODES } from './core/exit-codes.ts'
export { formatHooks } from './core/hook-text.ts'
export type { Installation, InstallationState } from './core/installation.ts'
export { interrupted } from './core/interrupted.ts'
export type { RpcParams } from './core/json-rpc.ts'
export { REQUIRED_LAYERS } from './core/layers.ts'
export { formatLimit, formatLimits, formatLimitValue } from './core/limit-text.ts'
export {
  type EffectiveLimits,
  type LimitName,
  type LimitRequest,
  type LimitSource,
  type Limits,
  type OperatorSource,
  PROFILES,
  type Profile,
} from './core/limits.ts'
export type { ListedRelease } from './core/listed-release.ts'
export type { LogEntry } from './core/log-entry.ts'
export type { HookEntry, HookName, HookRun, Manifest, Permissions, Setting } from './core/manifest.ts'
export type { Figure, Minute } from './core/minute.ts'
export type { PluginName } from './core/name.ts'
export type { NetworkEntry, NetworkGrant, NetworkSource } from './core/network.ts'
export { formatCutNetwork, formatNetwork } from './core/network-text.ts'
export type { Ended as OutcomeEnd, EndingLimit, Outcome, Usage } from './core/outcome.ts'
export type { RunPlace } from './core/place.ts'
export { CEILINGS, DEFAULTS } from './core/profile-limits.ts'
export type { OnProgress, Progress } from './core/progress.ts'
export { formatDuration, formatLongDuration, formatSize, parseDuration, parseLongDuration } from './core/quantity.ts'
export { formatRecovered, type Recovered } from './core/recovered.ts'
export { RefusedRun } from './core/refused-run.ts'
export { isRequest } from './core/request.ts'
export type {
  Candidate as ResolutionCandidate,
  Link as ResolutionLink,
  PassedOver,
  ResolutionAction,
  ResolutionStep,
} from './core/resolution.ts'
export type { Circuit, RestartPolicy } from './core/restart-policy.ts'
export { RpcError } from './core/rpc-error.ts'
export type { RunFigures } from './core/run-figures.ts'
export type { Platform, Protocol, Runtime } from './core/runtimes.ts'
export type { Settings, SettingValue } from './core/settings.ts'
export type { ChangeKind, OpenChange } from './core/step.ts'
export type { SyncAction, SyncRow } from './core/sync-plan.ts'
export type { Rate } from './core/token-bucket.ts'
export type { Check, Signer } from './core/verified.ts'
export { formatWho, type User as HostUser, type Who } from './core/who.ts'
export type { LostProvenance, RaisedLimit, Widening } from './core/widening.ts'
export { formatWidening, type WideningRow, wideningRows } from './core/widening-text.ts'
export type { InstallReport } from './manager/admission.ts'
export type { ApprovalReport } from './manager/approvals.ts'
export type { ChangeOptions } from './manager/change.ts'
export type { RunOptions } from './manager/clearance.ts'
export type { ClockReading } from './manager/clock.ts'
export type { ConsentAnswer, ConsentOptions, ConsentQuestion } from './manager/consent.ts'
export type { FollowOptions } from './manager/following.ts'
export type { Collected, CollectedKind, GcOptions, GcReport } from './manager/gc.ts'
export type { GetOptions, GetReport, PlannedRelease } from './manager/getting.ts'
export type { Hold, HoldOptions } from './manager/holds.ts'
export type { HostOptions } from './manager/host.ts'
export type { PluginInfo } from './manager/info.ts'
export type { InstalledPlugin } from './manager/installed.ts'
export type { LaunchOptions } from './manager/launch.ts'
export type { LoadOptions } from './manager/loaded/load-options.ts'
export type {
  CloseOptions,
  InstanceHealth,
  LoadedPlugin,
  LoadedStats,
  PluginHealth,
} from './manager/loaded/loaded-plugin.ts'
export type {
  Listener as PluginListener,
  Named as PluginEmitterMethods,
  PluginEmitter,
  PluginEvents,
  PluginListeners,
} from './manager/loaded/plugin-events.ts'
export type { RunEnd, ServedRun } from './manager/loaded/served-run.ts'
export type { LockReport } from './manager/lock-writing.ts'
export type { LogOptions } from './manager/logs.ts'
export type { McpServer, McpServersOptions } from './manager/mcp/servers.ts'
export type { OfferedRelease, OfferOptions, PluginOffer } from './manager/offer.ts'
export type { OutdatedOptions, OutdatedPlugin } from './manager/outdated.ts'
export type { Provenance, ProvenSigner } from './manager/provenance.ts'
export type { Quarantine } from './manager/quarantine.ts'
export type { Records } from './manager/records.ts'
export type { Registries, RegistryAdd, RegistryChange, RegistryInfo } from './manager/registries.ts'
export type { Removal, RemoveOptions } from './manager/remove.ts'
export type { RepairedRelease, RepairReport } from './manager/repair.ts'
export type { RepairHostOptions } from './manager/repairing.ts'
export type { VerifyAllOptions } from './manager/reverification.ts'
export type { RevocationEffect, RevokedRun } from './manager/revocation.ts'
export type { RollbackOptions, RollbackReport } from './manager/rollback.ts'
export type { RootChange, TrustedRootInfo, TrustRoots } from './manager/roots.ts'
export type { RotationConsent, RotationQuestion } from './manager/rotation.ts'
export type { ExecuteOptions } from './manager/run.ts'
export type { Served, ServeOptions } from './manager/served.ts'
export type { SimulatedPlugin, Simulation, TrialVerdict, TrustTrial } from './manager/simulation.ts'
export type { PipedStreams, SpawnedPlugin } from './manager/spawning.ts'
export type { StopOptions, StoppedRun } from './manager/stopping.ts'
export type { DataFate } from './manager/switching.ts'
export type { SyncOptions, SyncReport } from './manager/sync.ts'
export type { SyncHostOptions } from './manager/syncing.ts'
export type { KeylessIdentity, Trust, TrustAdd, TrustChange } from './manager/trust.ts'
export type { UpdateOptions, UpdateResult } from './manager/update.ts'
export type { Verification } from './manager/verification.ts'
export type { AdmitOptions, InstallOptions } from './manager/vetting.ts'
export type { HandOutOptions, WarmOptions, WarmPool, WarmStats } from './manager/warm/warm-pool.ts'
export type { PluginStats, RunningPlugin, WatchOptions } from './manager/watching.ts'
export type { PluginManager } from './manager.ts'
export type { BuildOptions, NamedRelease, RegistryReport } from './marketplace/registry.ts'
export type { RotateOptions, RotationReport } from './marketplace/rotate.ts'
export type { SignedKind, SignOptions, SignReport } from './marketplace/sign.ts'
export type { KeylessOptions, SignerReport } from './marketplace/signer.ts'
export type { Marketplace, PackReport } from './marketplace.ts'
export type {
  AskOptions,
  FoundPlugin,
  InitOptions,
  ListedPlugin,
  SearchOptions,
  SearchReport,
} from './registry/index.ts'
export type {
  Bind as PlannedBind,
  CallOptions,
  CgroupLimit,
  CgroupPlan,
  CgroupStep,
  ChannelBounds,
  Controller as CgroupController,
  Diagnosis,
  EnginePlan,
  FunctionContext,
  HostFunction,
  HostProfile,
  Ids,
  JournalLine,
  LayerFinding,
  LegacyController as LegacyCgroupController,
  MissingLimit,
  Mode as CallerMode,
  PreloadPlan,
  ReportLine,
  Run,
  RunPlan,
  RunStdio,
  RunStream,
  SettingsPlan,
  Started,
  Stopped,
  StreamOptions,
  WatchPlan,
} from './runtime/index.ts'
export type { Approval, AuditEvent, Differences, KeptApproval, RunRecord, WaitingUpdate } from './store/index.ts'
export { sqliteBinding } from './store/sqlite-binding.ts'
export type {
  ClosedRule,
  Principal,
  PrincipalKind,
  Revocation,
  RevocationRequest,
  RotationEffect,
  ServiceChoice,
  TrustEntry,
  TrustedIdentity,
  TrustedKey,
  TrustedPattern,
  Window as ValidityWindow,
} from './verify/index.ts'
export { version } from './version.ts'

/**
 * Opens this host's home, and finishes or undoes what an interrupted process left there.
 *
 * @example
 * await using plugins = await openManager({ home: '/var/lib/bulkhead' })
 * await plugins.install('acme-hello-1.0.0.tgz', { consent: () => true })
 * const run = await plugins.run('acme/hello', { args: ['Ada'], stdio: { stdout: 'inherit' } })
 * console.log(await run.outcome)
 *
 * @throws StoreError when the database cannot be opened, VerificationError when others could change the configuration
 */
export async function openManager(options: HostOptions = {}): Promise<PluginManager> {
  const { PluginManager } = await import('./manager.ts')
  return PluginManager.open(options)
}

/**
 * `plugins run`, for a process that has nothing else to do: it becomes the sandbox's launcher.
 * @throws RefusedRun when it never started, whatever the reason
 */
export async function executePlugin(home: HostOptions, name: string, options: ExecuteOptions): Promise<never> {
  const { executeAt } = await import('./manager/executing.ts')
  return executeAt(home, name, options)
}

/** Names of plugins that have files here: what a shell may propose to whoever types one. Reads folders, and nothing else. */
export async function likelyNames(options: Pick<HostOptions, 'home'> = {}): Promise<readonly string[]> {
  return (await import('./manager/names.ts')).likelyNames(options)
}

/** What an author does: keys, packages, signatures. It needs no home. */
export async function openMarketplace(): Promise<Marketplace> {
  const { Marketplace } = await import('./marketplace.ts')
  return new Marketplace()
}

/** What an administrator gives a container engine, or AppArmor, so that sandboxes can be built: the text of that file. */
export async function hostProfile(which: HostProfile): Promise<string> {
  return (await import('./runtime/index.ts')).hostProfile(which)
}
