import { accessSync, constants, existsSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ARCHIVE_BOUNDS } from '../core/archive.ts'
import { type Config, DEFAULT_CONFIG } from '../core/config.ts'
import { PluginError, StoreError, UsageError } from '../core/errors.ts'
import { assertKnownOptions, type OptionNames } from '../core/known-options.ts'
import { Layout } from '../core/layout.ts'
import type { Recovered } from '../core/recovered.ts'
import {
  type Caller,
  findLauncher,
  Launchers,
  Planner,
  PreloadParents,
  surveyCaller,
  surveyIds,
  uidRange,
} from '../runtime/index.ts'
import { Store, Trees } from '../store/index.ts'
import {
  assertOwn,
  assertSafePath,
  readSafeFile,
  rootsIn,
  TrustFile,
  type TrustPolicy,
  Verifier,
} from '../verify/index.ts'
import { notePreloadFailure } from './preload-trouble.ts'

export interface HostOptions {
  /** Where everything is kept; default: `BULKHEAD_HOME`, else `/var/lib/bulkhead`, else the user's data folder. */
  readonly home?: string | undefined
  readonly now?: () => Date
  /** Told, when the home is opened, of each change that an interrupted process had left, and what became of it. */
  readonly onRecovered?: ((recovered: Recovered) => void) | undefined
}

const HOST_OPTIONS: OptionNames<HostOptions> = { home: true, now: true, onRecovered: true }

/** One host: its home, what is installed there, who is trusted there, and how plugins run there. */
export interface Host {
  readonly layout: Layout
  readonly caller: Caller
  readonly config: Config
  readonly store: Store
  readonly trees: Trees
  readonly trustFile: TrustFile
  readonly planner: Planner
  /** Of this process; closed with its manager. */
  readonly parents: PreloadParents
  /** The same: where the launchers of its runs come from. */
  readonly launchers: Launchers
  readonly now: () => Date
  /** A verifier under the policy as it is at this moment, or under another one: to see what that would come to. */
  verifier(policy?: TrustPolicy): Verifier
}

/**
 * The one function that builds the real parts.
 *
 * @throws VerificationError `POLICY_UNSAFE` when others could write the home or its configuration
 * @throws StoreError when the database cannot be opened
 */
export async function openHost(options: HostOptions = {}): Promise<Host> {
  // Before anything is made: a misspelt `home` would be the one of the whole machine.
  assertKnownOptions(options, HOST_OPTIONS, 'cannot open a home')
  const caller = surveyCaller()
  const { uid } = caller
  // The empty name would be the working folder, which is what an unset variable in a script must not come to.
  if (options.home === '') throw new UsageError('USAGE', 'cannot use "" as the home: expected a folder')
  const layout = new Layout(resolve(options.home ?? defaultHome(uid)))
  const now = options.now ?? (() => new Date())
  makeHome(layout, uid)
  const config = await readConfig(layout, uid)
  assertHomeOwn(layout, uid)
  const uids = uidRange(caller, config.uids, surveyIds(caller))
  const store = Store.open({ path: layout.database, uids, now: () => now().getTime() })
  const trustFile = new TrustFile(layout.trustFile, uid)
  return {
    layout,
    caller,
    config,
    store,
    trustFile,
    now,
    trees: new Trees({ layout, sealer: sealerOrNull() }),
    planner: new Planner({ layout, caller, config }),
    launchers: new Launchers({ spool: layout.spool }),
    parents: new PreloadParents({ spool: layout.spool, onFailure: (failure) => notePreloadFailure(store, failure) }),
    verifier: (policy = trustFile.read()) =>
      new Verifier({
        policy,
        roots: rootsIn(layout.roots, uid),
        // A clock that was set back makes nothing valid again that this host has seen end.
        now: () => latest(now(), store.clock.seenMs()),
        historyOf: (name) => store.history(name),
        readArchive: async (tarball) =>
          (await import('../core/archive-reader.ts')).readArchive(tarball, ARCHIVE_BOUNDS),
      }),
  }
}

/** The last moment that `Date` can tell; beyond it every comparison would be false. */
const LAST_MS = 8.64e15

const latest = (now: Date, seenMs: number | null): Date =>
  new Date(Math.min(Math.max(now.getTime(), seenMs ?? 0), LAST_MS))

export function defaultHome(uid: number): string {
  const named = process.env.BULKHEAD_HOME
  if (named !== undefined && named !== '') return named
  if (uid === 0) return '/var/lib/bulkhead'
  return join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'bulkhead')
}

const PLACES = '--home DIR, or BULKHEAD_HOME, names another place'

/** 0700: what is installed here, and the plugins' data, is nobody else's business. */
function makeHome(layout: Layout, uid: number): void {
  if (existsSync(layout.home)) {
    assertEnterable(layout.home)
    return
  }
  try {
    // Looked at before anything is made: else a link or a folder of somebody else would decide where root makes folders.
    assertSafePath(layout.configFile, uid)
    mkdirSync(layout.home, { recursive: true, mode: 0o700 })
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new StoreError('DISK_FAILED', `cannot make ${layout.home}: ${(error as Error).message}`, {
      cause: error,
      hint: PLACES,
    })
  }
}

/** Most often it is root's, and this is somebody else. */
function assertEnterable(home: string): void {
  const { mode, uid } = lstatSync(home)
  // A link is judged with all that is above it.
  if ((mode & constants.S_IFMT) === constants.S_IFLNK) return
  if ((mode & constants.S_IFMT) !== constants.S_IFDIR)
    throw new UsageError('USAGE', `cannot use ${home} as the home: it is no folder`, { hint: PLACES })
  try {
    accessSync(home, constants.X_OK)
  } catch (error) {
    throw new StoreError(
      'DISK_FAILED',
      `cannot look into ${home}: it belongs to user ${uid}, and is closed to others`,
      {
        cause: error,
        hint: PLACES,
      },
    )
  }
}

/** Reading the configuration has looked at the home and all above it; this looks at what lies in it. */
function assertHomeOwn(layout: Layout, uid: number): void {
  assertOwn(
    [
      layout.plugins,
      layout.roots,
      layout.staging,
      layout.cache,
      layout.spool,
      layout.allData,
      layout.allLogs,
      layout.allSnapshots,
    ],
    'folder',
    uid,
  )
  const { database } = layout
  assertOwn([database, `${database}-wal`, `${database}-shm`, `${database}-journal`], 'file', uid)
}

export const CONFIG_MAX_BYTES = 2 ** 20

/** As it is now: a long-lived host need not know what was edited since it began. */
export async function readConfig(layout: Layout, uid: number): Promise<Config> {
  const bytes = readSafeFile(layout.configFile, uid, CONFIG_MAX_BYTES)
  if (bytes === null) return DEFAULT_CONFIG
  const { parseConfig } = await import('../core/config-parser.ts')
  return parseConfig(bytes, layout.configFile)
}

/**
 * A host application is open for weeks. What its operator takes back in `config.json` (a consent, a registry), or asks for from now on
 * (a scanner, an age), holds at once, as it does in `trust.json`.
 */
export async function configuredNow(host: Host): Promise<Host> {
  const { layout, caller } = host
  const config = await readConfig(layout, caller.uid)
  if (isDeepStrictEqual(config, host.config)) return host
  return { ...host, config, planner: new Planner({ layout, caller, config }) }
}

/** Without a launcher nothing runs, but it can still be verified: then every file is hashed. */
function sealerOrNull(): string | null {
  try {
    return findLauncher()
  } catch {
    return null
  }
}
