import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { readCompiled } from '../../core/compiled.ts'
import { sha256 } from '../../core/digest.ts'
import { PluginError, StoreError } from '../../core/errors.ts'
import { profileFor } from '../../core/limits.ts'
import type { Manifest } from '../../core/manifest.ts'
import type { PluginName } from '../../core/name.ts'
import { COMPILE_FOLDER, compileHook, findLauncher, Launcher, type RunPlan } from '../../runtime/index.ts'
import {
  COMPILED_BYTES_MAX,
  COMPILED_FILES_MAX,
  hasCompileCache,
  removeSupersededCompileCaches,
  writeCompileCache,
} from '../../store/index.ts'
import { clear } from '../clearance.ts'
import type { Host } from '../host.ts'
import type { Hosting } from '../hosting.ts'
import { begin } from '../launch.ts'
import { newRun, placeOf } from '../run.ts'
import { SpawnedPlugin } from '../spawning.ts'
import { settled } from '../warm/settled.ts'
import { ps } from '../watching.ts'
import { consentDigest, MADE, madeOf } from './kept.ts'

/** Somebody may wait for the processor, and nobody for this. */
const TIMEOUT_MS = 30_000
const TMP_BYTES = 64 * 2 ** 20
/** What `ps` and `history` call it: nobody asked for this run, and it is killed with its host, which is no crash. */
const INSTANCE = 'compile-cache'

/** For which Node, and under which of its flags: under others Node takes nothing of it. */
export function compileKeyOf(plan: Pick<RunPlan, 'binds' | 'exec' | 'argv'>): string {
  const node = plan.binds.find(({ inside }) => inside === plan.exec)?.outside ?? plan.exec
  const { size, mtimeMs } = statSync(node)
  return sha256(JSON.stringify([node, size, mtimeMs, plan.argv.filter((word) => word.startsWith('--'))]))
}

/** Releases for which this process has tried: one that gives nothing gives nothing the next time. */
const tried = new Set<string>()

/**
 * Makes one, unless there is one for the Node that the plugin runs on: for the next start, since nobody waits for this. What goes
 * wrong is said in the trail. `over`: nobody needs the plugin any more.
 */
export async function precompile(on: Hosting, name: PluginName, over: AbortSignal): Promise<void> {
  const isOver = AbortSignal.any([on.closing, over])
  let host: Host | null = null
  try {
    host = await on.host()
    if (host.config.compileCache) await ensure(host, name, on, isOver)
  } catch (error) {
    if (host !== null && on.runs.isOpen() && !isOver.aborted) noteFailure(host, name, error)
  }
}

function noteFailure(host: Host, name: PluginName, error: unknown): void {
  const { code, message } = error instanceof PluginError ? error : { code: 'INTERNAL', message: String(error) }
  try {
    host.store.note('compile-cache-failed', name, { code, message })
  } catch (failure) {
    // Whoever cannot write the trail is told so by all else they do; nobody waits here who could be.
    if (!(failure instanceof StoreError)) throw failure
  }
}

async function ensure(host: Host, name: PluginName, on: Hosting, over: AbortSignal): Promise<void> {
  const { installation, request } = await clear(host, name, newRun(), {})
  if (request.manifest.entry.runtime !== 'node') return
  const release = host.layout.release(installation.name, installation.version, installation.digest)
  const made = madeOf(host, installation)
  if (made !== null) removeSupersededCompileCaches(release, made.sha256, Date.now())
  const key = compileKeyOf(await host.planner.survey({ ...request, compileCache: null }))
  if (made !== null && made.key === key && hasCompileCache(release, made.sha256)) return
  const attempt = `${release} ${key} ${consentDigest(installation)}`
  if (tried.has(attempt)) return
  tried.add(attempt)
  await make(host, name, on, over)
}

/**
 * Starts the plugin once more, in a sandbox of its own that has no network, no `/data`, no variable, no setting and no input, and keeps what
 * Node has compiled of it until then: code of the verified tree, before anything from outside could have had a part in it. A plugin
 * that gives none is only slower to start.
 */
async function make(host: Host, name: PluginName, { runs }: Hosting, over: AbortSignal): Promise<void> {
  const nonce = randomBytes(16).toString('hex')
  const run = newRun()
  const { installation, request } = await clear(host, name, run, {})
  const planned = await host.planner.prepare({
    ...request,
    manifest: bare(request.manifest),
    agreed: [],
    grants: {},
    settings: null,
    compileCache: null,
  })
  const plan: RunPlan = {
    ...planned,
    instance: INSTANCE,
    argv: withHook(planned.argv, compileHook(nonce)),
    env: { ...planned.env, NODE_COMPILE_CACHE: COMPILE_FOLDER },
  }
  const { version, digest } = installation
  const record = {
    id: run,
    name: installation.name,
    version,
    profile: profileFor(host.config, name),
    weaker: plan.weaker,
  }
  const launcher = new Launcher({ binary: findLauncher() })
  const stdio = { stdin: 'ignore', stderr: 'ignore' } as const
  const started = await runs.add(name, async () => {
    host.store.runs.begin(record, process.pid, { place: placeOf(plan), of: installation })
    return begin(host, plan, launcher, { stdio }, runs.isOpen)
  })
  // Rejects when the launcher itself failed; `outcome` says that too.
  const end = () => void started.close().catch(() => {})
  if (over.aborted) end()
  over.addEventListener('abort', end, { once: true })
  try {
    const output = outputOf(started.stdout)
    const first = await started.started
    if (first !== null) {
      const one = new SpawnedPlugin(started, first.pid)
      // What does not end by itself has nothing more to compile when it waits.
      if (await settled(one, () => ps(host, installation.name), over)) one.kill('SIGTERM')
    }
    const { outcome } = await started.outcome
    const files = outcome === 'exited' ? readCompiled(await output, nonce, COMPILED_FILES_MAX) : null
    if (files === null || !runs.isOpen() || host.store.find(installation.name)?.digest !== digest) return
    const release = host.layout.release(installation.name, version, digest)
    const list = writeCompileCache(release, host.layout.staging, files)
    host.store.note(MADE, installation.name, {
      version,
      release: digest,
      key: compileKeyOf(planned),
      sha256: list,
      consent: consentDigest(installation),
      run,
    })
  } finally {
    over.removeEventListener('abort', end)
  }
}

/** As little of it as can start. */
const bare = (manifest: Manifest): Manifest => ({
  ...manifest,
  protocol: 'stdio',
  permissions: { network: [], read: manifest.permissions.read, env: [] },
  config: {},
  limits: {
    ...manifest.limits,
    dataBytes: 0,
    timeoutMs: TIMEOUT_MS,
    outputBytes: COMPILED_BYTES_MAX,
    tmpBytes: Math.max(TMP_BYTES, manifest.limits.tmpBytes ?? 0),
  },
})

/** Before the entry, after Node's own flags. */
function withHook(argv: readonly string[], hook: string): string[] {
  const [node = '', ...rest] = argv
  return [node, '--import', hook, ...rest]
}

/** All of it up to a bound; what is more is read and let go of. */
async function outputOf(stream: Readable | null): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream ?? []) {
    bytes += (chunk as Buffer).length
    if (bytes <= COMPILED_BYTES_MAX) chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}
