import { join } from 'node:path'
import { type Config, DEFAULT_ALERTS } from '../core/config.ts'
import type { EngineName } from '../core/engines.ts'
import { type Layout, logOf, packageOf } from '../core/layout.ts'
import {
  effectiveLimits,
  type LimitContext,
  type LimitRequest,
  limitContextOf,
  type Profile,
  profileFor,
} from '../core/limits.ts'
import type { Manifest } from '../core/manifest.ts'
import { effectiveNetwork } from '../core/network.ts'
import type { Caller } from './caller.ts'
import { findCertificates } from './certificates.ts'
import { prepareCgroups, readMountinfo, surveyCgroups } from './cgroup-parents.ts'
import { assertCallsAllowed } from './confined-calls.ts'
import { dataPlace, openData } from './data.ts'
import { diskFacts, findDisks } from './disks.ts'
import type { HookCall } from './environment.ts'
import { assertHelpersMap } from './helper-trial.ts'
import { type Ids, modeOf, planIds, type SubordinateIds, surveyIds } from './ids.ts'
import { Interpreters } from './interpreter.ts'
import { isProcMasked, parseMountinfo } from './mountinfo.ts'
import { surveyEngine } from './oci/runtimes.ts'
import { planRun, type RunPlan, type SettingsPlan, type WatchPlan } from './plan.ts'
import { assertPlatform } from './platform.ts'
import { listedOf } from './preload/plan.ts'
import { surveyReads } from './reads.ts'
import { SETTINGS_FILE, SOCKETS_FOLDER } from './spool-folder.ts'

/** What one run is: the installation, and what the user asked for. */
export interface RunRequest {
  readonly run: string
  readonly manifest: Manifest
  /** The release's folder. */
  readonly release: string
  /** The installation's uid. */
  readonly uid: number
  readonly args?: readonly string[]
  /** What its host calls it. */
  readonly instance?: string | null
  /** Who it may reach at most, agreed to at install; without it, what the manifest lists. */
  readonly agreed?: readonly string[]
  /** Values for `permissions.env`, as far as the operator grants them. */
  readonly grants?: Readonly<Record<string, string>>
  readonly profile?: Profile | undefined
  /** Limits of this one run; they narrow only. */
  readonly flags?: LimitRequest
  readonly weaker?: readonly string[]
  readonly reportDenials?: boolean
  /** Who builds the sandbox; else what the configuration says. */
  readonly engine?: EngineName | undefined
  /** The manifest's entry is that of a hook. */
  readonly hook?: HookCall | null
  /** What its operator has set, as JSON; `null`: its manifest has no `config`. */
  readonly settings?: string | null
  /** What Node has compiled of the package, and that was checked. */
  readonly compileCache?: string | null
  /** Variables of the go-plugin handshake: `assertHandshake` says which. */
  readonly handshake?: Readonly<Record<string, string>> | undefined
}

/** Looks at this host, and makes plans for runs on it. */
export class Planner {
  readonly #layout: Layout
  readonly #caller: Caller
  readonly #config: Config
  readonly #interpreters: Interpreters

  constructor(options: { readonly layout: Layout; readonly caller: Caller; readonly config: Config }) {
    this.#layout = options.layout
    this.#caller = options.caller
    this.#config = options.config
    this.#interpreters = new Interpreters({
      cache: options.layout.cache,
      uid: options.caller.uid,
      ...options.config.interpreters,
    })
  }

  /** The plan alone, for `--dry-run`: nothing is made or mounted. */
  survey(request: RunRequest): Promise<RunPlan> {
    return this.#plan(request, dataPlace)
  }

  /** The plan, and everything that has to be there before the launcher starts: cgroup parents and /data. */
  prepare(request: RunRequest): Promise<RunPlan> {
    return this.#plan(request, openData)
  }

  async #plan(request: RunRequest, placeData: typeof openData): Promise<RunPlan> {
    const { manifest, weaker = [] } = request
    const limits = effectiveLimits(manifest.limits, this.#contextOf(request))
    const network = effectiveNetwork(this.#config, manifest, {
      profile: request.profile,
      agreed: request.agreed ?? manifest.permissions.network,
    })
    const ids = planIds(this.#caller, request.uid, this.#subordinate(), weaker)
    const interpreter = this.#interpreters.find(
      {
        name: manifest.name,
        runtime: manifest.entry.runtime,
        package: packageOf(request.release),
        path: manifest.entry.path,
      },
      listedOf(manifest, this.#config.preload),
    )
    await assertPlatform(manifest, interpreter, process.arch)
    const mountinfo = readMountinfo()
    const engine = request.engine ?? this.#config.plugins[manifest.name]?.engine ?? this.#config.engine
    const mode = modeOf(this.#caller)
    // An OCI runtime takes one cgroup path for all hierarchies, so their parents are at the top of each.
    const cgroups = surveyCgroups({ mode, uid: this.#caller.uid }, mountinfo, engine !== 'native')
    const input = {
      run: request.run,
      manifest,
      release: request.release,
      limits,
      network,
      certificates: network.allow.length > 0 ? findCertificates(this.#caller) : null,
      ids,
      interpreter,
      reads: surveyReads(manifest.name, manifest.permissions.read, this.#layout),
      cgroups,
      data: null,
      disks: { devices: [], reason: null },
      procMasked: isProcMasked(parseMountinfo(mountinfo)),
      args: request.args ?? [],
      instance: request.instance ?? null,
      grants: request.grants ?? {},
      weaker,
      reportDenials: request.reportDenials ?? false,
      preload: this.#config.preload,
      watch: this.#watchOf(request),
      hook: request.hook ?? null,
      settings: this.#settingsOf(request),
      compileCache: request.compileCache ?? null,
      handshake: request.handshake,
      sockets: request.handshake === undefined ? null : join(this.#layout.spool, request.run, SOCKETS_FOLDER),
      engine: surveyEngine(engine, { mode, hierarchy: cgroups.hierarchy, mountinfo }),
    }
    // Every refusal that needs no effect comes before the first effect.
    planRun(input)
    assertCallsAllowed(manifest.name, this.#caller)
    assertHelpersMap(ids, this.#caller)
    const data = limits.limits.dataBytes > 0 ? placeData(this.#dataOf(request, ids, limits.limits.dataBytes)) : null
    if (placeData === openData) await prepareCgroups(cgroups, this.#caller.uid)
    const places = [
      packageOf(request.release),
      ...(data === null ? [] : [data]),
      ...input.reads.map((bind) => bind.outside),
    ]
    // /data may have been mounted a moment ago.
    const disks = findDisks(
      places,
      diskFacts(() => parseMountinfo(readMountinfo())),
    )
    return planRun({ ...input, data, disks })
  }

  #dataOf({ manifest, weaker = [] }: RunRequest, ids: Ids, bytes: number) {
    return { name: manifest.name, folder: this.#layout.data(manifest.name), bytes, ids, weaker, caller: this.#caller }
  }

  #settingsOf({ run, settings = null }: RunRequest): SettingsPlan | null {
    return settings === null ? null : { file: join(this.#layout.spool, run, SETTINGS_FILE), json: settings }
  }

  #watchOf({ run, manifest: { name }, profile }: RunRequest): WatchPlan {
    const { sampleMs, logs, profiles } = this.#config
    const alerts = profiles[profileFor(this.#config, name, profile)]?.alerts
    const file = logOf(this.#layout.logs(name), run)
    return {
      sampleMs,
      alerts: {
        memory: alerts?.memory ?? DEFAULT_ALERTS.memory,
        cpu: alerts?.cpu ?? DEFAULT_ALERTS.cpu,
        files: alerts?.files ?? DEFAULT_ALERTS.files,
      },
      // The launcher sets a full file aside once, so a run has two of them.
      log: logs.runBytes === 0 ? null : { file, bytes: Math.floor(logs.runBytes / 2) },
    }
  }

  #contextOf({ manifest, profile, flags }: RunRequest): LimitContext {
    return { ...limitContextOf(this.#config, manifest, profile), flags }
  }

  #known: SubordinateIds | undefined
  #subordinate(): SubordinateIds {
    this.#known ??= surveyIds(this.#caller)
    return this.#known
  }
}
