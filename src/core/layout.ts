import { join } from 'node:path'
import type { Sha256 } from './digest.ts'
import { type PluginName, splitName } from './name.ts'

/** Where everything lies below `BULKHEAD_HOME` (DESIGN §5). Pure: it names paths, it touches none. */
export class Layout {
  readonly home: string

  constructor(home: string) {
    this.home = home
  }

  get database(): string {
    return join(this.home, 'bulkhead.db')
  }
  get trustFile(): string {
    return join(this.home, 'trust.json')
  }
  get configFile(): string {
    return join(this.home, 'config.json')
  }
  get roots(): string {
    return join(this.home, 'roots')
  }
  get plugins(): string {
    return join(this.home, 'plugins')
  }
  get staging(): string {
    return join(this.home, 'staging')
  }
  get cache(): string {
    return join(this.home, 'cache')
  }
  /** What was fetched of tarballs when a transfer broke off. */
  get downloads(): string {
    return join(this.cache, 'downloads')
  }
  get spool(): string {
    return join(this.home, 'spool')
  }

  /** `plugins/<ns>/<name>/<version>-<digest12>`: the release's folder. */
  release(name: PluginName, version: string, digest: Sha256): string {
    const { namespace, base } = splitName(name)
    return join(this.plugins, namespace, base, `${version}-${digest.slice(0, 12)}`)
  }

  get allData(): string {
    return join(this.home, 'data')
  }

  data(name: PluginName): string {
    const { namespace, base } = splitName(name)
    return join(this.allData, namespace, base)
  }

  get allSnapshots(): string {
    return join(this.home, 'snapshots')
  }

  /** What its `/data` was when a release gave way to another: a folder of each. */
  snapshots(name: PluginName): string {
    const { namespace, base } = splitName(name)
    return join(this.allSnapshots, namespace, base)
  }

  get allLogs(): string {
    return join(this.home, 'logs')
  }

  /** What its runs wrote to stderr: a file of each, and the one before it. */
  logs(name: PluginName): string {
    const { namespace, base } = splitName(name)
    return join(this.allLogs, namespace, base)
  }

  spoolOf(run: string): string {
    return join(this.spool, run)
  }
}

/** Inside a release's folder: the chroot directory, the package in it, and the evidence beside it. */
export const chrootOf = (release: string): string => join(release, 'root')
export const packageOf = (release: string): string => join(release, 'root', 'plugin')
export const bundleOf = (release: string): string => join(release, BUNDLE_FILE)
export const fileListOf = (release: string): string => join(release, FILE_LIST)

/** What Node has compiled of the package, a folder for each time, by the digest of its list. */
export const compileCachesOf = (release: string): string => join(release, 'compile-cache')

export const BUNDLE_FILE = 'bundle.sigstore.jsonl'
/** What no signature says: the list of files as it was recorded at install. */
export const FILE_LIST = 'files.json'

/** Inside a plugin's folder of logs. */
export const logOf = (logs: string, run: string): string => join(logs, `${run}.log`)
