import { type Argument, argumentTexts } from '../core/arguments.ts'
import { ENGINES, type EngineName, isEngine } from '../core/engines.ts'
import { StoreError, UsageError, VerificationError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { instanceNameOf } from '../core/instance-name.ts'
import type { OptionNames } from '../core/known-options.ts'
import { isLayer, REQUIRED_LAYERS } from '../core/layers.ts'
import { bundleOf, packageOf } from '../core/layout.ts'
import { PROFILES, type Profile } from '../core/limits.ts'
import { parseDuration } from '../core/quantity.ts'
import type { Protocol } from '../core/runtimes.ts'
import type { Settings } from '../core/settings.ts'
import type { VerifiedStatement } from '../core/verified.ts'
import type { RunRequest } from '../runtime/index.ts'
import { type Differences, readBounded } from '../store/index.ts'
import { BUNDLE_MAX_BYTES, type Examination, orThrow, readRecordedFiles, type Verifier } from '../verify/index.ts'
import { keptCompileCache } from './compile-cache/kept.ts'
import { assertInRange, assertSpeaks } from './expected.ts'
import { readFileList } from './file-list.ts'
import type { Host } from './host.ts'
import { nameOf } from './plugin-name.ts'
import { isStillHere, unlessRemoved } from './presence.ts'
import { inQuarantine, isRevocation, quarantine, quarantineOf } from './quarantine.ts'
import { settingsFor } from './settings.ts'
import { signedManifestOf } from './signed-manifest.ts'

export interface RunOptions {
  /** After the manifest's own: a text as it is, anything else as its JSON. */
  readonly args?: readonly Argument[] | undefined
  /** What this sandbox is called, 1 to 32 of `[a-z0-9-]`: in `plugins ps`, in `history`, and in the command line of its launcher. */
  readonly name?: string | undefined
  readonly profile?: string | undefined
  /** Such as `5s`; narrows only. */
  readonly timeout?: string | undefined
  /** Layers to go without, by name; recorded. */
  readonly weaker?: readonly string[] | undefined
  /** Report denied system calls and missing paths: advisory, for authors; recorded. */
  readonly reportDenials?: boolean | undefined
  /** Who builds the sandbox: native, runc, crun or runsc; default: what `config.json` says. */
  readonly engine?: string | undefined
  /** The version has to be in this range. */
  readonly range?: string | undefined
  /** What the plugin has to speak. */
  readonly protocol?: Protocol | undefined
  /** For the manifest's `config`; what the operator has set in `config.json` comes before it. */
  readonly settings?: Settings | undefined
  /** Values for `permissions.env`; default: this process's own environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Of `loadGoPlugin` alone: what go-plugin passes to a plugin of protocol grpc, its cookie among it. */
  readonly handshake?: Readonly<Record<string, string>> | undefined
}

export const RUN_OPTIONS: OptionNames<RunOptions> = {
  args: true,
  name: true,
  profile: true,
  timeout: true,
  weaker: true,
  reportDenials: true,
  engine: true,
  range: true,
  protocol: true,
  settings: true,
  env: true,
  handshake: true,
}

/** What may be planned: an installation whose every check of DESIGN §4, run, was passed. */
export interface Cleared {
  readonly installation: Installation
  readonly request: RunRequest
}

/** DESIGN §4, run: find the row; refuse what may not run; compare the tree with the signed list. */
export async function clear(host: Host, text: string, run: string, options: RunOptions): Promise<Cleared> {
  const name = nameOf(text)
  const weaker = weakerOf(host, name, options)
  assertReportable(name, options, weaker)
  const installation = host.store.find(name)
  if (installation === null) {
    throw new StoreError('NOT_INSTALLED', `cannot run ${name}: it is not installed`, { hint: 'plugins list' })
  }
  assertRunnable(host, installation)
  await assertInRange(installation, options.range)
  try {
    return await cleared(host, installation, run, weaker, options)
  } catch (error) {
    throw unlessRemoved(host, installation, 'run', error)
  }
}

async function cleared(
  host: Host,
  installation: Installation,
  run: string,
  weaker: readonly string[],
  options: RunOptions,
): Promise<Cleared> {
  const { name } = installation
  const release = host.layout.release(name, installation.version, installation.digest)
  const verified = await reverified(host, installation, release)
  assertSameRelease(installation, verified)
  await assertUnmodified(host, installation, verified, packageOf(release))

  const manifest = signedManifestOf(release, installation)
  assertSpeaks(manifest, options.protocol)
  const grants = grantsOf(installation.consent.env, options.env ?? process.env)
  return {
    installation,
    request: {
      run,
      manifest,
      release,
      uid: installation.uid,
      args: argumentTexts(name, options.args ?? []),
      instance: instanceNameOf(name, options.name),
      agreed: installation.consent.network,
      grants,
      settings: settingsFor(host, manifest, options.settings),
      compileCache: manifest.entry.runtime === 'node' ? keptCompileCache(host, installation, release) : null,
      profile: profileOf(options.profile),
      flags: { timeoutMs: timeoutOf(options.timeout) },
      weaker,
      reportDenials: options.reportDenials === true,
      engine: engineOf(options.engine),
      handshake: options.handshake,
    },
  }
}

/** The system-call filter is what reports. */
function assertReportable(name: string, { reportDenials }: RunOptions, weaker: readonly string[]): void {
  if (reportDenials !== true || !weaker.includes('seccomp')) return
  throw new UsageError('USAGE', `cannot report what ${name} is denied without the layer seccomp: it is what denies`)
}

export function assertRunnable(host: Host, installation: Installation): void {
  const { name, version, state } = installation
  if (state === 'installed') return
  const quarantined = quarantineOf(host, installation)
  if (quarantined !== null) throw inQuarantine('run', installation, quarantined)
  throw new StoreError('WRONG_STATE', `cannot run ${name} ${version}: it is ${state}`, {
    hint: `plugins enable ${name}`,
  })
}

/**
 * What was revoked is quarantined when a run finds it so. Whatever else the policy says only refuses: a trust.json that
 * was emptied by mistake must not put away everything that is started meanwhile.
 */
async function reverified(host: Host, installation: Installation, release: string): Promise<VerifiedStatement> {
  try {
    // As quickly as can be: whoever runs it waits.
    return orThrow((await reexamine(host, release, installation, { thorough: false })).verdict)
  } catch (error) {
    if (isRevocation(error)) quarantine(host, installation, error)
    throw error
  }
}

export function readBundle(release: string, { name, version }: Pick<Installation, 'name' | 'version'>): Buffer {
  let bytes: Buffer | null
  try {
    bytes = readBounded(bundleOf(release), BUNDLE_MAX_BYTES)
  } catch (error) {
    throw new StoreError('DISK_FAILED', `cannot read the bundle of ${name} ${version}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (bytes !== null) return bytes
  throw new VerificationError(
    'MODIFIED',
    `cannot trust ${name} ${version}: its signature bundle is gone, or no plain file`,
    {
      hint: `plugins repair ${name} puts it right`,
      details: { modified: [bundleOf(release)] },
    },
  )
}

/** What names a release on the disk, and what the database says of it. */
export type Examined = Pick<
  Installation,
  'name' | 'version' | 'digest' | 'manifestDigest' | 'filesDigest' | 'unsignedUntilMs'
>

/** What is kept with an installed release, judged under the trust policy of this moment, or under the verifier's. */
export async function reexamine(
  host: Pick<Host, 'verifier'>,
  release: string,
  installation: Examined,
  { thorough, verifier = host.verifier() }: { readonly thorough: boolean; readonly verifier?: Verifier },
): Promise<Examination<VerifiedStatement>> {
  const { name, version, filesDigest, unsignedUntilMs } = installation
  const recorded =
    filesDigest === null && unsignedUntilMs === null ? null : readRecordedFiles(readFileList(release, installation))
  if (unsignedUntilMs === null || recorded === null) {
    return verifier.reexamine(readBundle(release, installation), { name, version, recorded }, { thorough })
  }
  return verifier.reexamineUnsigned(recorded, { name, version, untilMs: unsignedUntilMs })
}

/** What was found good took its time since: its trial, or the disk. @throws PluginError with the code of the verdict */
export async function assertStillTrusted(
  host: Pick<Host, 'verifier' | 'layout'>,
  installation: Examined,
): Promise<void> {
  const { name, version, digest } = installation
  const release = host.layout.release(name, version, digest)
  const { verdict } = await reexamine(host, release, installation, { thorough: false })
  if (!verdict.ok) throw verdict.error
}

/** The bundle on disk is good by itself; it must also be that of the tarball which was installed. */
export function assertSameRelease(
  installation: Pick<Installation, 'name' | 'version' | 'digest' | 'manifestDigest'>,
  { statement }: VerifiedStatement,
): void {
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
    const { name, version } = installation
    if (isStillHere(host, installation))
      host.store.note('refused', name, { version, code: error.code, ...noteworthy(error) })
    throw error
  }
  if (found.seal !== null) host.store.reseal(installation, found.seal)
}

/** The trail is kept for ever: it names the first files of a list that may hold fifty thousand, and says how many. */
const NOTED = 100

export function noteworthy({ details }: VerificationError): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).flatMap(([kind, files]) => {
      if (!Array.isArray(files) || files.length <= NOTED) return [[kind, files]]
      return [
        [kind, files.slice(0, NOTED)],
        [`${kind}Count`, files.length],
      ]
    }),
  )
}

const NAMED = 10

/** Names the files; `null` when the tree is the signed one. */
export function modificationOf(
  { name, version }: Pick<Installation, 'name' | 'version'>,
  found: Differences,
): VerificationError | null {
  const differences = sentenceOf(found)
  if (differences === null) return null
  return new VerificationError(
    'MODIFIED',
    `cannot trust ${name} ${version}: its files are not those that were signed (${differences})`,
    {
      hint: `plugins repair ${name} puts it right; find out who changed it`,
      details: { modified: found.modified, missing: found.missing, extra: found.extra },
    },
  )
}

/** `null`: there are none. */
export function sentenceOf(found: Differences): string | null {
  const parts = (['modified', 'missing', 'extra'] as const).flatMap((kind) => {
    const files = found[kind]
    if (files.length === 0) return []
    const more = files.length > NAMED ? ` and ${files.length - NAMED} more` : ''
    return [`${kind}: ${files.slice(0, NAMED).join(', ')}${more}`]
  })
  return parts.length === 0 ? null : parts.join('; ')
}

export function grantsOf(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

/** Layers a run goes without by name: of its own options, or of the operator's configuration for this plugin. */
export function weakerOf(host: Host, name: string, options: RunOptions): readonly string[] {
  return [...new Set([...layersOf(options.weaker ?? []), ...(host.config.plugins[name]?.weaker ?? [])])]
}

function layersOf(names: readonly string[]): readonly string[] {
  if (!Array.isArray(names)) throw new UsageError('USAGE', 'cannot run without layers: weaker must be an array')
  const unknown = names.find((name) => !isLayer(name))
  if (unknown === undefined) return names
  throw new UsageError('USAGE', `cannot run without "${unknown}": no such layer`, {
    hint: `one of ${REQUIRED_LAYERS.join(', ')}`,
  })
}

function engineOf(text: string | undefined): EngineName | undefined {
  if (text === undefined || isEngine(text)) return text
  throw new UsageError('USAGE', `cannot run with the engine "${text}": expected ${ENGINES.join(', ')}`)
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
