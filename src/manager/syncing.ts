import { RegistryError, StoreError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import { consentByLock } from '../core/lock-consent.ts'
import { isLockRange, type LockedPlugin } from '../core/lock-file.ts'
import type { PluginName } from '../core/name.ts'
import { fetchTarball } from '../registry/index.ts'
import { admit, decideOn } from './admission.ts'
import { fetchListed, openCatalog } from './catalog.ts'
import { reexamine } from './clearance.ts'
import { agreedByLock } from './consent.ts'
import { foundOf } from './found-release.ts'
import { type Fetched, HeldTarballs } from './held-tarballs.ts'
import { assertNotHeldUntil } from './holds.ts'
import type { Host } from './host.ts'
import type { HostKnowledge } from './host-lock.ts'
import { type LockReport, writeLock } from './lock-writing.ts'
import { remove } from './remove.ts'
import { repair } from './repair.ts'
import { signedManifestOf } from './signed-manifest.ts'
import { type LockedRelease, type SyncApply, type SyncOptions, type SyncReport, sync } from './sync.ts'
import type { AdmitOptions, Admitting } from './vetting.ts'
import { whoDecides } from './who.ts'

export interface SyncHostOptions extends SyncOptions, Pick<AdmitOptions, 'signal' | 'onProgress'> {
  /** The name of a configured registry, a folder or an address, in the place of all that are configured. */
  readonly registry?: string | undefined
}

/** Makes this host as a lock file says: one whole change after the other. */
export async function syncHost(host: Host, options: SyncHostOptions): Promise<SyncReport> {
  return sync(host, options, await knowledgeOf(host), applyTo(host, options))
}

export async function writeHostLock(
  host: Host,
  options: { readonly lockFile?: string | undefined },
): Promise<LockReport> {
  return writeLock(host, options, await knowledgeOf(host))
}

async function knowledgeOf(host: Host): Promise<HostKnowledge> {
  const { listRegistries } = await import('./registry-edits.ts')
  const registries = new Map((await listRegistries(host)).map(({ name, url }) => [name, url]))
  // Asked each time: what was held or let go by a step is looked at again when all are done.
  const isHeld: HostKnowledge['isHeld'] = ({ name }) => host.store.holds.of(name)?.untilMs === null
  // More can be asked for than a reviewer should have to read (`v1`, `1 - 3`): that is nobody's reason to have no lock file.
  const rangeOf: HostKnowledge['rangeOf'] = ({ asked }) => (asked !== null && isLockRange(asked) ? asked : null)
  return { registries, isHeld, rangeOf }
}

function applyTo(host: Host, options: SyncHostOptions): SyncApply {
  const { signal, onProgress } = options
  const going = { signal, onProgress }
  const held = new HeldTarballs()
  const coming = async (plugin: LockedPlugin, from: LockedRelease) => {
    assertNotHeldHere(host, plugin.name)
    const { tarball, listed } = await fetched(host, plugin, from, held, options)
    const byLock: Admitting['byLock'] = (release) =>
      agreedByLock(host, release, from.consent(foundOf(release)), options.lockFile ?? 'plugins.lock')
    return { tarball, options: { ...going, listed, asked: plugin.range, allowDowngrade: true, byLock } }
  }
  return {
    async decide(plugin, from) {
      const { tarball, options: admitting } = await coming(plugin, from)
      await decideOn(host, tarball, admitting)
      held.keep(plugin.name, { tarball, listed: admitting.listed })
    },
    decideHold: (name) => assertNotHeldHere(host, name),
    async install(plugin, from) {
      // The lock file agrees again: that asks nobody.
      const { tarball, options: admitting } = await coming(plugin, from)
      await admit(host, tarball, admitting)
    },
    async repair(plugin, from) {
      const { tarball } = await fetched(host, plugin, from, held, options)
      const { releases } = await repair(host, plugin.name, { from: tarball, ...going })
      const failed = releases.find(({ error }) => error !== null)
      if (failed?.error != null) throw failed.error
    },
    async grant(plugin) {
      await grant(host, installed(host, plugin.name), plugin, options)
    },
    async hold(name, held) {
      if (!held) return void host.store.holds.unhold(name, whoDecides(host))
      assertNotHeldHere(host, name)
      host.store.holds.hold({ name, untilMs: null, reason: 'lock file', who: whoDecides(host) })
    },
    async remove(name) {
      await remove(host, installed(host, name), { purge: false, ...going })
    },
  }
}

/** A hold for ever in the place of one until a date would be the file's: what it gave it can take away, before that date. */
function assertNotHeldHere(host: Host, name: PluginName): void {
  const here = host.store.find(name)
  if (here !== null) assertNotHeldUntil(host, here)
}

/** The very release that is named; the lock file's digest is held against it when it is agreed to. */
async function fetched(
  host: Host,
  plugin: LockedPlugin,
  { tarball }: LockedRelease,
  held: HeldTarballs,
  options: SyncHostOptions,
): Promise<Fetched> {
  const { name, version, source } = plugin
  const here = held.take(name)
  if (here !== null) return here
  if (tarball !== null) return { tarball: await fetchTarball(tarball), listed: undefined }
  const named = options.registry ?? ('url' in source && !('registry' in source) ? source.url : null)
  const catalog = await openCatalog(host, named)
  const releases = await catalog.releases(name, options)
  const listed = releases.find((one) => one.version === version && one.sha256 === plugin.sha256)
  if (listed !== undefined) return { tarball: await fetchListed(host, catalog, listed, options), listed }
  throw new RegistryError(
    'RELEASE_NOT_FOUND',
    `cannot find ${name} ${version} as it is in the lock file: no release with sha256:${plugin.sha256} is listed`,
    {
      hint: 'plugins registry list; --registry names another one',
    },
  )
}

/** The release that is here, its bundle judged anew, with the permissions of the lock file. */
async function grant(
  host: Host,
  installation: Installation,
  plugin: LockedPlugin,
  { lockFile }: SyncOptions,
): Promise<void> {
  const { name, version, digest } = installation
  const path = host.layout.release(name, version, digest)
  const { verdict } = await reexamine(host, path, installation, { thorough: true })
  if (!verdict.ok) throw verdict.error
  const verified = verdict.value
  const found = await host.trees.check(packageOf(path), verified.statement.files, null, { thorough: true })
  if (found.modified.length + found.missing.length + found.extra.length > 0) {
    throw new StoreError(
      'WRONG_STATE',
      `cannot grant ${name} ${version} what the lock file says: its files were changed`,
      {
        hint: `plugins repair ${name}`,
      },
    )
  }
  const manifest = signedManifestOf(path, installation)
  const permissions = consentByLock(plugin, foundOf({ verified, manifest }))
  host.store.grant(installation, agreedByLock(host, { manifest, verified }, permissions, lockFile ?? 'plugins.lock'))
}

function installed({ store }: Host, name: PluginName): Installation {
  const found = store.find(name)
  if (found !== null) return found
  throw new StoreError('NOT_INSTALLED', `cannot change ${name}: it has just been removed`, { hint: 'plugins list' })
}
