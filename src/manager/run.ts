import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { PluginError, StoreError, UsageError, VerificationError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { isLayer, REQUIRED_LAYERS } from '../core/layers.ts'
import { bundleOf, packageOf } from '../core/layout.ts'
import { PROFILES, type Profile } from '../core/limits.ts'
import { type Outcome, refusal } from '../core/outcome.ts'
import { parseDuration } from '../core/quantity.ts'
import { RefusedRun } from '../core/refused-run.ts'
import type { VerifiedStatement } from '../core/verified.ts'
import { findLauncher, handOver, type RunPlan, type RunRequest, redact } from '../runtime/index.ts'
import { type Host, nameOf } from './host.ts'

export interface RunOptions {
  readonly args?: readonly string[] | undefined
  readonly profile?: string | undefined
  /** Such as `5s`; narrows only. */
  readonly timeout?: string | undefined
  /** Layers to go without, by name; recorded. */
  readonly weaker?: readonly string[] | undefined
  /** Values for `permissions.env`; default: this process's own environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/** What may be planned: an installation whose every check of DESIGN §4, run, was passed. */
interface Cleared {
  readonly installation: Installation
  readonly request: RunRequest
}

/** The plan of a run, as data, with the operator's secrets hidden. Nothing is made, mounted or recorded. */
export async function planOf(host: Host, name: string, options: RunOptions): Promise<RunPlan> {
  const { request } = await clear(host, name, options)
  return redact(await host.planner.survey(request))
}

/** Checks, plans and records a run that is about to start; whoever starts it ends the record. */
export async function prepare(host: Host, name: string, options: RunOptions): Promise<RunPlan> {
  const { installation, request } = await clear(host, name, options)
  const plan = await host.planner.prepare(request)
  const { version } = installation
  if (plan.weaker.length > 0)
    host.store.note('weaker-run', installation.name, { version, weaker: plan.weaker, run: plan.run })
  host.store.runs.begin(
    {
      id: plan.run,
      name: installation.name,
      version,
      profile: request.profile ?? host.config.profile,
      weaker: plan.weaker,
    },
    process.pid,
  )
  return plan
}

/**
 * `plugins run`: this process becomes the launcher. Comes back only when the run is refused: then with the outcome
 * written to `reportFile` and the exit code of DESIGN §6.
 */
export async function execute(
  host: Host,
  name: string,
  options: RunOptions & { readonly reportFile?: string | undefined },
): Promise<never> {
  let begun: RunPlan | null = null
  try {
    const binary = findLauncher()
    begun = await prepare(host, name, options)
    // Not closed: closing the last connection writes the whole log back and waits for the disk. What execve does is what
    // the end of a process does: the locks go, and the log waits for the next command.
    handOver(begun, { spool: host.layout.spool, binary, outcomeFile: options.reportFile })
  } catch (error) {
    const outcome = refusalOf(error)
    if (options.reportFile !== undefined) writeReport(options.reportFile, outcome)
    throw new RefusedRun(outcome, error)
  }
}

function refusalOf(error: unknown): Outcome {
  return error instanceof PluginError
    ? refusal(error.code, error.message)
    : refusal('INTERNAL', `cannot run: ${error instanceof Error ? error.message : String(error)}`)
}

function writeReport(path: string, outcome: Outcome): void {
  try {
    writeFileSync(path, `${JSON.stringify(outcome)}\n`)
  } catch (error) {
    throw new UsageError('FILE_UNWRITABLE', `cannot write the report ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** DESIGN §4, run: find the row; refuse what may not run; compare the tree with the signed list. */
async function clear(host: Host, text: string, options: RunOptions): Promise<Cleared> {
  const name = nameOf(text)
  const weaker = layersOf(options.weaker ?? [])
  const installation = host.store.find(name)
  if (installation === null) {
    throw new StoreError('NOT_INSTALLED', `cannot run ${name}: it is not installed`, { hint: 'plugins list' })
  }
  assertRunnable(installation)
  const release = host.layout.release(name, installation.version, installation.digest)
  const verified = host.verifier().reverify(readBundle(release, installation), installation)
  assertSameRelease(installation, verified)
  await assertUnmodified(host, installation, verified, packageOf(release))

  const manifest = host.store.manifestOf(installation)
  const grants = grantsOf(installation.consent.env, options.env ?? process.env)
  return {
    installation,
    request: {
      run: `${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`,
      manifest,
      release,
      uid: installation.uid,
      args: options.args ?? [],
      grants,
      profile: profileOf(options.profile),
      flags: { timeoutMs: timeoutOf(options.timeout) },
      weaker,
    },
  }
}

function assertRunnable({ name, version, state }: Installation): void {
  if (state === 'installed') return
  const hint = state === 'disabled' ? `plugins enable ${name}` : `plugins verify ${name} --explain`
  throw new StoreError('WRONG_STATE', `cannot run ${name} ${version}: it is ${state}`, { hint })
}

export function readBundle(release: string, { name, version }: Installation): Buffer {
  try {
    return readFileSync(bundleOf(release))
  } catch (error) {
    throw new VerificationError('MODIFIED', `cannot trust ${name} ${version}: its signature bundle is gone`, {
      cause: error,
      hint: `plugins remove ${name}, then install it again`,
      details: { modified: [bundleOf(release)] },
    })
  }
}

/** The bundle on disk is good by itself; it must also be that of the tarball which was installed. */
export function assertSameRelease(installation: Installation, { statement }: VerifiedStatement): void {
  if (statement.sha256 === installation.digest && statement.manifestDigest === installation.manifestDigest) return
  throw new VerificationError(
    'DIGEST_MISMATCH',
    `cannot trust ${installation.name} ${installation.version}: its bundle is for sha256:${statement.sha256}, installed was sha256:${installation.digest}`,
  )
}

async function assertUnmodified(
  host: Host,
  installation: Installation,
  { statement }: VerifiedStatement,
  packageDir: string,
): Promise<void> {
  const found = await host.trees.check(packageDir, statement.files, installation.seal)
  const error = modificationOf(installation, found)
  if (error !== null) {
    host.store.note('refused', installation.name, { version: installation.version, code: error.code, ...error.details })
    throw error
  }
  if (found.seal !== null) host.store.reseal(installation, found.seal)
}

const NAMED = 10

/** Names the files; `null` when the tree is the signed one. */
export function modificationOf(
  { name, version }: Pick<Installation, 'name' | 'version'>,
  found: {
    readonly modified: readonly string[]
    readonly missing: readonly string[]
    readonly extra: readonly string[]
  },
): VerificationError | null {
  const parts = (['modified', 'missing', 'extra'] as const).flatMap((kind) => {
    const files = found[kind]
    if (files.length === 0) return []
    const more = files.length > NAMED ? ` and ${files.length - NAMED} more` : ''
    return [`${kind}: ${files.slice(0, NAMED).join(', ')}${more}`]
  })
  if (parts.length === 0) return null
  return new VerificationError(
    'MODIFIED',
    `cannot trust ${name} ${version}: its files are not those that were signed (${parts.join('; ')})`,
    {
      hint: `plugins remove ${name}, then install it again; find out who changed it`,
      details: { modified: found.modified, missing: found.missing, extra: found.extra },
    },
  )
}

function grantsOf(names: readonly string[], env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

function layersOf(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !isLayer(name))
  if (unknown === undefined) return names
  throw new UsageError('USAGE', `cannot run without "${unknown}": no such layer`, {
    hint: `one of ${REQUIRED_LAYERS.join(', ')}`,
  })
}

function profileOf(text: string | undefined): Profile | undefined {
  const known = PROFILES.find((profile) => profile === text)
  if (text === undefined || known !== undefined) return known
  throw new UsageError('USAGE', `cannot use the profile "${text}": expected ${PROFILES.join(', ')}`)
}

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new UsageError('USAGE', `cannot use the timeout "${text}": expected a number and ms, s, m or h, such as 5s`)
}
