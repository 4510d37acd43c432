import { StoreError } from './core/errors.ts'
import type { Installation } from './core/installation.ts'
import type { InstallReport } from './manager/admission.ts'
import type { RunOptions } from './manager/clearance.ts'
import { clockFinding } from './manager/clock.ts'
import type { ConsentQuestion } from './manager/consent.ts'
import type { GcOptions, GcReport } from './manager/gc.ts'
import type { GetOptions, GetReport } from './manager/getting.ts'
import { type Hold, type HoldOptions, hold, holds, unhold } from './manager/holds.ts'
import { configuredNow, type Host, type HostOptions } from './manager/host.ts'
import type { Hosting } from './manager/hosting.ts'
import type { PluginInfo } from './manager/info.ts'
import { type InstalledPlugin, installedPlugin, installedPlugins } from './manager/installed.ts'
import type { LaunchOptions } from './manager/launch.ts'
import { LiveRuns } from './manager/live-runs.ts'
import type { LoadOptions } from './manager/loaded/load-options.ts'
import type { LoadedPlugin } from './manager/loaded/loaded-plugin.ts'
import type { LockReport } from './manager/lock-writing.ts'
import type { McpServer, McpServersOptions } from './manager/mcp/servers.ts'
import type { OfferOptions, PluginOffer } from './manager/offer.ts'
import type { OutdatedOptions, OutdatedPlugin } from './manager/outdated.ts'
import { nameOf } from './manager/plugin-name.ts'
import { preloadFindings } from './manager/preload-trouble.ts'
import type { Provenance } from './manager/provenance.ts'
import { inQuarantine, quarantineOf } from './manager/quarantine.ts'
import { Records } from './manager/records.ts'
import { openRecovered } from './manager/recovery.ts'
import { Registries } from './manager/registries.ts'
import type { Removal, RemoveOptions } from './manager/remove.ts'
import type { RepairReport } from './manager/repair.ts'
import type { RepairHostOptions } from './manager/repairing.ts'
import type { VerifyAllOptions } from './manager/reverification.ts'
import type { RollbackOptions, RollbackReport } from './manager/rollback.ts'
import { TrustRoots } from './manager/roots.ts'
import { type ExecuteOptions, execute, planOf } from './manager/run.ts'
import type { Served, ServeOptions } from './manager/served.ts'
import type { PipedStreams, SpawnedPlugin } from './manager/spawning.ts'
import type { StopOptions, StoppedRun } from './manager/stopping.ts'
import type { SyncReport } from './manager/sync.ts'
import type { SyncHostOptions } from './manager/syncing.ts'
import { Trust } from './manager/trust.ts'
import type { UpdateOptions, UpdateResult } from './manager/update.ts'
import type { Verification } from './manager/verification.ts'
import type { InstallOptions } from './manager/vetting.ts'
import type { WarmOptions, WarmPool } from './manager/warm/warm-pool.ts'
import type { SearchOptions, SearchReport } from './registry/index.ts'
import type { Diagnosis, HeldRun, Run, RunPlan } from './runtime/index.ts'

/**
 * Everything a host can do with plugins, over one home. What one command needs and another does not is loaded when it is
 * needed: starting a sandbox must not pay for installing.
 *
 * Close it, or hold it with `await using`.
 */
export class PluginManager extends Records implements AsyncDisposable {
  #host: Host
  readonly #live = new LiveRuns()
  readonly trust: Trust
  readonly roots: TrustRoots
  readonly registries: Registries

  #launching: Promise<typeof import('./manager/launch.ts')> | undefined

  private constructor(host: Host) {
    super()
    this.#host = host
    this.trust = new Trust(host)
    this.roots = new TrustRoots(host)
    this.registries = new Registries(host)
  }

  protected get on(): Host {
    return this.#host
  }

  /** Opens the home and finishes or undoes what an earlier process left behind. */
  static async open(options: HostOptions = {}): Promise<PluginManager> {
    return new PluginManager(await openRecovered(options))
  }

  /** Ends the runs it has started, and records how each ended. Safe to call twice. */
  async close(): Promise<void> {
    this.closing.abort()
    await this.#live.close()
    await Promise.all([this.#host.parents.close(), this.#host.launchers.close()])
    this.#host.store.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * A tarball, or `NAME` or `NAME@RANGE` of a registry: then what it needs comes too. `./` before it makes any path a file.
   *
   * @throws PluginError with the code of the verdict; nothing is left behind then
   */
  async install(source: string, options: GetOptions = {}): Promise<InstallReport> {
    const { isRequest } = await import('./core/request.ts')
    const host = await this.#configured()
    if (!isRequest(source)) return (await import('./manager/install.ts')).install(host, source, options)
    return (await import('./manager/getting.ts')).getOne(host, source, options)
  }

  /** What installing a tarball would ask for; nothing is written. @throws PluginError with the code of the verdict */
  async preview(tarball: string, options: InstallOptions = {}): Promise<ConsentQuestion> {
    return (await import('./manager/install.ts')).preview(await this.#configured(), tarball, options)
  }

  /** Several by name, chosen together, with what they need; with `dryRun`, what that would come to. */
  async installAll(requests: readonly string[], options: GetOptions): Promise<GetReport> {
    const { get } = await import('./manager/getting.ts')
    return get(await this.#configured(), requests, options)
  }

  /** Named plugins to what their registries have. @throws PluginError of the first that cannot be brought in */
  async update(names: readonly string[], options: UpdateOptions): Promise<UpdateResult[]> {
    const { update } = await import('./manager/update.ts')
    return update(await this.#configured(), names, options)
  }

  /** Everything that came from a registry, each on its own: a failure is an answer here. */
  async updateAll(options: UpdateOptions): Promise<UpdateResult[]> {
    const { updateAll } = await import('./manager/update.ts')
    return updateAll(await this.#configured(), options)
  }

  /** What there is that is newer; of everything that came from a registry when `names` is empty. */
  async outdated(names: readonly string[] = [], options: OutdatedOptions = {}): Promise<OutdatedPlugin[]> {
    return (await import('./manager/outdated.ts')).outdated(await this.#configured(), names, options)
  }

  /** Makes this host as a lock file says. @throws PluginError `LOCK_DIFFERS`, or what a step was refused for */
  async sync(options: SyncHostOptions = {}): Promise<SyncReport> {
    const { syncHost } = await import('./manager/syncing.ts')
    return syncHost(await this.#configured(), options)
  }

  /** Writes down what this host has. */
  async writeLock(options: { readonly lockFile?: string | undefined } = {}): Promise<LockReport> {
    const { writeHostLock } = await import('./manager/syncing.ts')
    return writeHostLock(this.#host, options)
  }

  /** @throws StoreError `NOT_INSTALLED`; a refusal is an answer here, not an error. */
  async verify(target: string): Promise<Verification> {
    const { verify } = await import('./manager/verification.ts')
    return verify(this.#host, target)
  }

  /** Each on its own, none missing; with `quarantine`, what is not to be trusted is put away. */
  async verifyAll(options: VerifyAllOptions = {}): Promise<Verification[]> {
    const { verifyAll } = await import('./manager/reverification.ts')
    return verifyAll(this.#host, options)
  }

  list(): InstalledPlugin[] {
    return installedPlugins(this.#host)
  }

  /** Of what is installed. @throws StoreError `NOT_INSTALLED` */
  async info(name: string): Promise<PluginInfo> {
    const { infoOf } = await import('./manager/info.ts')
    return infoOf(this.#host, this.#find(name, 'show'))
  }

  /** What the registry that serves a name lists of it, installed or not; nothing of it is verified. @throws StoreError `NOT_INSTALLED` */
  async offer(name: string, options: OfferOptions = {}): Promise<PluginOffer> {
    const { offer } = await import('./manager/offer.ts')
    return offer(this.#host, name, options)
  }

  /** Is any version of it installed, whatever its state? */
  isInstalled(name: string): boolean {
    return this.#host.store.find(nameOf(name)) !== null
  }

  /** Who signed what is installed, and what is running of it; of every plugin when `name` is `null`. */
  async provenance(name: string | null = null): Promise<Provenance[]> {
    const { provenanceOf } = await import('./manager/provenance.ts')
    return provenanceOf(this.#host, name)
  }

  /** The plan of a run as data: every mount, id and limit, and where each limit came from. Nothing is started. */
  async plan(name: string, options: RunOptions = {}): Promise<RunPlan> {
    return planOf(this.#host, name, options)
  }

  /** Starts a plugin for a host application, which reads and writes its streams. */
  run(name: string, options?: LaunchOptions & { readonly stdio?: undefined }): Promise<Run & PipedStreams>
  run(name: string, options: LaunchOptions): Promise<Run>
  run(name: string, options: LaunchOptions = {}): Promise<Run> {
    return this.#launch(name, options, false)
  }

  #launch(name: string, options: LaunchOptions, held: boolean): Promise<HeldRun> {
    return this.#live.add(name, async () => {
      // To look a module up that has been loaded takes longer than to read the plugin's rows.
      this.#launching ??= import('./manager/launch.ts')
      const { launch } = await this.#launching
      const host = await this.#configured()
      const after = host.store.events.lastId()
      const run = await launch(host, name, options, this.#live.isOpen, held)
      if (options.endWhenRefused !== true) return run
      const { endWhenRefused } = await import('./manager/standing.ts')
      endWhenRefused(this.#hosting, nameOf(name), run, host, after)
      return run
    })
  }

  /**
   * Starts a plugin that speaks `jsonrpc`, to be called: verified, confined, limited, and started again when it ends.
   *
   * @example
   * await using weather = await plugins.load('acme/weather', { range: '^1' })
   * const report = await weather.call('forecast', { city: 'Oslo' }, { timeoutMs: 2_000 })
   *
   * @throws PluginError with the reason why it may not run, or did not come up; then nothing of it goes on
   */
  async load(name: string, options: LoadOptions = {}): Promise<LoadedPlugin> {
    const { load } = await import('./manager/loading.ts')
    return load(this.#hosting, name, options)
  }

  /**
   * Starts a plugin whose host speaks its protocol, by the streams of the run; `@bulkhead/plugins/mcp` does so. It goes on for
   * as long as the host wants, or until it may not any more. @throws PluginError with the reason why it did not start
   */
  async serve(name: string, options: ServeOptions): Promise<Served> {
    const { startServed } = await import('./manager/served.ts')
    return startServed(this.#hosting, name, options)
  }

  /** Installed plugins that an MCP client can start: those named, or all. @throws PluginError `NOT_INSTALLED`, `WRONG_PROTOCOL`, `MODIFIED` */
  async mcpServers(names: readonly string[] = [], options: McpServersOptions = {}): Promise<McpServer[]> {
    const { mcpServers } = await import('./manager/mcp/servers.ts')
    return mcpServers(this.#host, names, options)
  }

  /** `run`, when its program runs: as a process is, with `pid`, streams and `wait()`. @throws PluginError why it does not */
  spawn(name: string, options?: LaunchOptions & { readonly stdio?: undefined }): Promise<SpawnedPlugin & PipedStreams>
  spawn(name: string, options: LaunchOptions): Promise<SpawnedPlugin>
  async spawn(name: string, options: LaunchOptions = {}): Promise<SpawnedPlugin> {
    const { spawn } = await import('./manager/spawning.ts')
    return spawn(name, options, (launch) => this.run(name, launch))
  }

  /** Holds sandboxes of a plugin ready, past their start-up or at its entry: `spawn()` of the pool hands one out. @throws PluginError */
  async warm(name: string, options: WarmOptions = {}): Promise<WarmPool> {
    const { WarmPool } = await import('./manager/warm/warm-pool.ts')
    const { size: _size, memoryBytes: _memoryBytes, at: _at, ...run } = options
    const pool = new WarmPool(nameOf(name), options, {
      ...this.#hosting,
      spawn: (args) => this.spawn(name, { ...run, args: [...(run.args ?? []), ...args] }),
      hold: () => this.#launch(name, { ...run, endWhenRefused: true }, true),
    })
    await pool.fill()
    const { precompile } = await import('./manager/compile-cache/making.ts')
    void precompile(this.#hosting, nameOf(name), pool.gone)
    return pool
  }

  /** `plugins run`: this process becomes the sandbox's launcher, and never comes back unless the run is refused. */
  async execute(name: string, options: ExecuteOptions): Promise<never> {
    return execute(this.#host, name, options)
  }

  /** Ends the runs of a plugin, or of all when `name` is `null`. @throws StoreError `NOT_RUNNING` */
  async stop(name: string | null, options: StopOptions = {}): Promise<StoppedRun[]> {
    const { stop } = await import('./manager/stopping.ts')
    return stop(this.#host, name, options)
  }

  /** Keeps a plugin at its version: no update touches it. @throws StoreError `NOT_INSTALLED` */
  hold(name: string, options: HoldOptions = {}): Hold {
    return hold(this.#host, name, options)
  }

  /** @throws StoreError `WRONG_STATE`: it is not held */
  unhold(name: string): Hold {
    return unhold(this.#host, name)
  }

  /** What is held now, by name. */
  holds(): Hold[] {
    return holds(this.#host)
  }

  /**
   * Lets a disabled plugin run again. One in quarantine is verified first, every file of it.
   * @throws PluginError with the code of the verdict: then it stays in quarantine
   */
  async enable(name: string): Promise<InstalledPlugin> {
    const installation = this.#find(name, 'enable')
    if (installation.state === 'quarantined') {
      const { readmit } = await import('./manager/reverification.ts')
      return this.#shown(await readmit(await this.#configured(), installation))
    }
    return this.#shown(this.#host.store.advance(installation, 'installed', 'enabled'))
  }

  /** @throws StoreError `WRONG_STATE` of what is disabled, or in quarantine: there it does not run either */
  disable(name: string): InstalledPlugin {
    const installation = this.#find(name, 'disable')
    const quarantined = quarantineOf(this.#host, installation)
    if (quarantined !== null) throw inQuarantine('disable', installation, quarantined)
    return this.#shown(this.#host.store.advance(installation, 'disabled', 'disabled'))
  }

  /** Back to a version that is kept. @throws StoreError `NOTHING_KEPT`; PluginError with the code of the verdict */
  async rollback(name: string, options: RollbackOptions = {}): Promise<RollbackReport> {
    const { rollback } = await import('./manager/rollback.ts')
    return rollback(await this.#configured(), this.#find(name, 'roll back'), options)
  }

  /** Its data stays unless `purge`. @throws StoreError `WRONG_STATE` while it runs; PluginError `HOOK_FAILED` */
  async remove(name: string, options: RemoveOptions = { purge: false }): Promise<Removal> {
    const { purgeKept, remove } = await import('./manager/remove.ts')
    const isGone = this.#host.store.find(nameOf(name)) === null
    if (isGone && options.purge) return purgeKept(await this.#configured(), nameOf(name), options)
    return remove(await this.#configured(), this.#find(name, 'remove'), options)
  }

  /** What the registries of this host have, the best match first. */
  async search(text: string, options: SearchOptions & { registry?: string | undefined } = {}): Promise<SearchReport> {
    const { openCatalog } = await import('./manager/catalog.ts')
    return (await openCatalog(this.#host, options.registry ?? null)).search(text, options)
  }

  /** Names in the order in which they can be removed: what needs another one before that. */
  async removalOrder(names: readonly string[]): Promise<readonly string[]> {
    const { removalOrder } = await import('./manager/remove.ts')
    return removalOrder(this.#host, names)
  }

  /** Removes what is nobody's. */
  async gc(options: GcOptions = {}): Promise<GcReport> {
    const { collect } = await import('./manager/gc.ts')
    return collect(await this.#configured(), options)
  }

  /** Puts right what was modified or is missing; of everything when `name` is `null`. */
  async repair(name: string | null, options: RepairHostOptions = {}): Promise<RepairReport> {
    const { repairHost } = await import('./manager/repairing.ts')
    return repairHost(await this.#configured(), name, options)
  }

  async doctor(): Promise<Diagnosis> {
    const { diagnose } = await import('./runtime/doctor.ts')
    const { layout, caller, config } = this.#host
    const { findings, canRun } = diagnose({ layout, caller, config })
    return { findings: [...findings, clockFinding(this.#host), ...preloadFindings(this.#host)], canRun }
  }

  get #hosting(): Hosting {
    return { host: () => this.#configured(), runs: this.#live, closing: this.closing.signal }
  }

  #shown(installation: Installation): InstalledPlugin {
    return installedPlugin(this.#host, installation)
  }

  /**
   * For whatever changes something, or says what would be changed.
   *
   * @throws PluginError `CONFIG_INVALID`, `POLICY_UNSAFE`; `WRONG_STATE` once this was closed
   */
  async #configured(): Promise<Host> {
    if (!this.#live.isOpen())
      throw new StoreError('WRONG_STATE', `cannot use ${this.#host.layout.home}: its manager has been closed`)
    this.#host = await configuredNow(this.#host)
    return this.#host
  }

  #find(text: string, verb: string): Installation {
    const name = nameOf(text)
    const installation = this.#host.store.find(name)
    if (installation !== null) return installation
    throw new StoreError('NOT_INSTALLED', `cannot ${verb} ${name}: it is not installed`, { hint: 'plugins list' })
  }
}
