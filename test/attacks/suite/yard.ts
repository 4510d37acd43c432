// A home where the three attackers are installed by the real manager, and run by it: checked, planned, launched, recorded.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { EngineName } from '../../../src/core/engines.ts'
import { isLayer } from '../../../src/core/layers.ts'
import { Layout, packageOf } from '../../../src/core/layout.ts'
import type { Profile } from '../../../src/core/limits.ts'
import type { PluginName } from '../../../src/core/name.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { openManager } from '../../../src/index.ts'
import { type Host, openHost } from '../../../src/manager/host.ts'
import { prepare } from '../../../src/manager/run.ts'
import {
  findLauncher,
  forgetSpool,
  Launcher,
  makeSpoolFolder,
  PreloadParents,
  type Run,
  type RunPlan,
} from '../../../src/runtime/index.ts'
import { authority } from '../../helpers/authority.ts'
import { trust, writeRelease } from '../../manager/household.ts'
import type { Layer } from '../../runtime/launcher/launch.ts'
import { filesOf, LANGUAGES, type Language } from './arsenal.ts'
import { AttackedHost, type HostPrograms } from './host.ts'

const MANIFESTS: Readonly<Record<Language, object>> = {
  c: {
    entry: { runtime: 'exec', path: 'bin/x' },
    limits: { memory: '64M', processes: 32, files: 256, tmp: '96M', fileSize: '112M' },
  },
  node: {
    entry: { runtime: 'node', path: 'main.mjs' },
    limits: { memory: '256M', cpu: 2, processes: 24, files: 256, tmp: '32M' },
  },
  python: {
    entry: { runtime: 'python', path: 'main.py' },
    limits: { memory: '64M', cpu: 2, processes: 32, files: 256, tmp: '96M' },
  },
}

/** As copies of a preloaded parent: the program in C takes the place of a copy, which is confined by then. */
const PRELOADED: Readonly<Record<Language, object>> = {
  c: { ...MANIFESTS.c, entry: { runtime: 'python', path: 'main.py', preload: ['json'] } },
  node: MANIFESTS.node,
  python: { ...MANIFESTS.python, entry: { runtime: 'python', path: 'main.py', preload: ['json'] } },
}
const EXECUTES = `import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ): signal.signal(number, signal.SIG_DFL)
os.execv('/plugin/bin/x', ['/plugin/bin/x', *sys.argv[1:]])
`
const PRELOADED_FILES = {
  c: { 'main.py': EXECUTES },
  node: {},
  python: {},
} as const satisfies Record<Language, object>

/**
 * Of this process alone: two homes hand out the same range unless told otherwise, and these plugins do harm to whoever has
 * their uid. (An ordinary user's come from the subordinate ids.)
 */
const OWN_UIDS = { first: 1_900_000_000 + (process.pid % 4_194_304) * 16, count: 16 }

const nameOf = (language: Language): PluginName => `siege/${language}` as PluginName

export interface Attempt {
  /** Without these layers, beyond those that the mode is always without. */
  readonly without?: readonly Layer[] | undefined
  readonly profile?: Profile | undefined
  /** The launcher shall be alone with it. */
  readonly handsOver?: boolean
}

export interface Ended {
  readonly outcome: Outcome
  readonly stdout: string
  readonly stderr: string
}

/** A run that goes on. */
export interface Going {
  readonly run: Run
  /** It has said something. */
  readonly spoke: Promise<unknown>
  readonly ended: Promise<Ended>
}

export class Yard {
  readonly host: AttackedHost
  readonly folder: string
  readonly #home: Host
  readonly #engine: EngineName
  /** What this caller cannot have here at all, by name. */
  readonly weaker: readonly Layer[]
  readonly #isPreloaded: boolean

  private constructor(
    folder: string,
    host: AttackedHost,
    home: Host,
    engine: EngineName,
    weaker: readonly Layer[],
    isPreloaded: boolean,
  ) {
    this.#isPreloaded = isPreloaded
    this.folder = folder
    this.host = host
    this.#home = home
    this.#engine = engine
    this.weaker = weaker
  }

  static async open(
    folder: string,
    programs: HostPrograms,
    engine: EngineName,
    weaker: readonly Layer[],
    isPreloaded = false,
  ): Promise<Yard> {
    const host = await AttackedHost.open(join(folder, 'host'), programs)
    const layout = new Layout(join(folder, 'home'))
    mkdirSync(layout.home, { mode: 0o700 })
    writeFileSync(
      layout.configFile,
      JSON.stringify({ uids: OWN_UIDS, ...(isPreloaded ? { preload: { python: ['json'] } } : {}) }),
      { mode: 0o600 },
    )
    const publisher = await authority()
    await trust(layout, publisher, 'siege/*')
    const manager = await openManager({ home: layout.home })
    for (const language of LANGUAGES) {
      const files = await filesOf(language, programs.attacker)
      const manifest = {
        name: nameOf(language),
        version: '1.0.0',
        permissions: { read: [host.shown] },
        ...(isPreloaded ? PRELOADED : MANIFESTS)[language],
      }
      const { tarball, bundle } = publisher.publish({
        files: {
          ...files,
          ...(isPreloaded ? PRELOADED_FILES[language] : {}),
          'plugin.json': JSON.stringify(manifest),
        },
        executable: ['bin/x'],
      })
      const release = writeRelease(join(folder, `release-${language}`), tarball, bundle)
      const { version, sha256 } = await manager.install(release, { consent: () => true })
      openWay(layout.home, layout.release(nameOf(language), version, sha256 as never))
    }
    await manager.close()
    const home = await openHost({ home: layout.home })
    // Of one build with the launcher of the runs.
    const parents = new PreloadParents({ spool: layout.spool, launcher: programs.launcher })
    return new Yard(folder, host, { ...home, parents }, engine, weaker, isPreloaded)
  }

  uidOf(language: Language): number {
    return this.#home.store.find(nameOf(language))?.uid ?? -1
  }

  /** As `manager.run` would, but for layers that it lets nobody do without: those are taken out of its plan. */
  async plan(language: Language, words: readonly string[], attempt: Attempt = {}): Promise<RunPlan> {
    const { without = [], profile, handsOver = false } = attempt
    const asRoot = process.geteuid?.() === 0
    // Planned as Node must not be run; and root has no use for its own id.
    // A run that asks to go without is started cold.
    const byHand = (layer: Layer): boolean =>
      this.#isPreloaded ||
      !isLayer(layer) ||
      (layer === 'memory' && language === 'node' && !this.weaker.includes('memory')) ||
      (layer === 'uid' && asRoot)
    const weaker = [...this.weaker, ...without]
    const options = { args: words, weaker: weaker.filter((layer) => !byHand(layer)), engine: this.#engine, profile }
    const run = `suite-${process.pid}-${randomBytes(5).toString('hex')}`
    const plan = await prepare(this.#home, nameOf(language), options, { run, handsOver })
    const removed = weaker.filter(byHand)
    return {
      ...plan,
      weaker: [...new Set([...plan.weaker, ...removed])],
      ...(removed.includes('uid') ? { ids: { ...plan.ids, uid: 0, gid: 0 } } : {}),
      // What lies at /plugin lies elsewhere then.
      ...(without.includes('mount-namespace') ? { argv: plan.argv.map((word) => outside(word, plan)) } : {}),
    }
  }

  /** Starts a plugin; `ended` takes its record and its folder away. */
  async start(language: Language, words: readonly string[], attempt: Attempt = {}): Promise<Going> {
    const { store, layout, parents } = this.#home
    this.host.early()
    const plan = await this.plan(language, words, attempt)
    this.host.late()
    if (this.#isPreloaded && plan.preload.parent === null) throw new Error(`started cold: ${plan.preload.reason}`)
    const folder = makeSpoolFolder(layout.spool, plan.run)
    // An OCI runtime starts a copy of the launcher inside; what it inherits is that runtime's affair.
    const binary = this.#engine === 'native' ? this.host.careless : findLauncher()
    const run = new Launcher({ binary }).start(plan, { stdin: 'ignore' }, { folder })
    const [stdout, stderr] = [listen(run.stdout), listen(run.stderr)]
    const ended = (async () => {
      const outcome = await run.outcome
      await Promise.all([stdout.end, stderr.end])
      parents.giveBack(plan.run)
      store.runs.end(plan.run, outcome)
      forgetSpool(layout.spool, plan.run)
      return { outcome, stdout: stdout.text, stderr: stderr.text }
    })()
    return { run, spoke: stdout.spoke, ended }
  }

  /** Processes of the plugins' uids that are of no run: of preloaded parents. */
  get parents(): readonly number[] {
    return this.#home.parents.list().flatMap(({ pid }) => {
      const init = childrenOf(pid)
      return [...init, ...init.flatMap(childrenOf)]
    })
  }

  get spool(): string {
    return this.#home.layout.spool
  }

  async close(): Promise<void> {
    await this.#home.parents.close()
    this.#home.store.close()
    this.host.close()
  }
}

/** A run without a mount namespace finds its program by the host's own path, as whoever it is. */
function openWay(home: string, release: string): void {
  for (let folder = release; folder.startsWith(home); folder = dirname(folder)) chmodSync(folder, 0o711)
}

const outside = (word: string, { root }: RunPlan): string =>
  word.startsWith('/plugin/') ? join(packageOf(join(root, '..')), word.slice('/plugin/'.length)) : word

interface Heard {
  text: string
  readonly spoke: Promise<unknown>
  readonly end: Promise<unknown>
}

function listen(stream: Readable | null): Heard {
  if (stream === null) throw new Error('a run of the suite has pipes')
  const heard = { text: '', spoke: once(stream, 'data'), end: once(stream, 'close') }
  // Who never speaks is heard of by its end.
  heard.spoke.catch(() => {})
  stream.setEncoding('utf8').on('data', (text: string) => (heard.text += text))
  return heard
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((word) => word.trim() !== '')
    .map(Number)
