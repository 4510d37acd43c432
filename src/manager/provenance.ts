import type { Sha256 } from '../core/digest.ts'
import { StoreError } from '../core/errors.ts'
import type { InstallationState } from '../core/installation.ts'
import type { PluginName } from '../core/name.ts'
import type { OpenRun } from '../store/index.ts'
import type { Host } from './host.ts'
import { launcherOf, liveRuns } from './live.ts'
import { nameOf } from './plugin-name.ts'

/** Somebody whose signature counted when a release was let in. */
export interface ProvenSigner {
  /** A key's id, or issuer and identity of a certificate with a blank between. */
  readonly id: string
  readonly kind: 'keyed' | 'keyless'
  /** Whom the policy took them for; `null` of a release that an earlier version installed. */
  readonly principal: string | null
  /** Of a certificate; else `null`. */
  readonly issuer: string | null
  readonly identity: string | null
}

/** Where one release comes from that is installed or running: who signed it, and what it was judged by. */
export interface Provenance {
  readonly name: PluginName
  readonly version: string
  /** `removing`: replaced by another, and running still. */
  readonly state: InstallationState
  readonly sha256: Sha256
  readonly manifestDigest: Sha256
  /** Empty: nobody signed it. */
  readonly signers: readonly ProvenSigner[]
  /** Whose countersignature counted. */
  readonly countersigners: readonly ProvenSigner[]
  /** Of the verdict that let it in. */
  readonly policyDigest: string
  readonly roots: readonly { readonly name: string; readonly digest: Sha256 }[]
  readonly verifiedAtMs: number
  /** The version of Bulkhead; `null` of a release that an earlier one installed. */
  readonly bulkhead: string | null
  /** The latest verdict since; `null`: none. */
  readonly lastVerified: { readonly atMs: number; readonly verdict: string; readonly bulkhead: string } | null
  readonly running: readonly {
    readonly run: string
    /** The launcher's; `null` in the moment before it is started. */
    readonly pid: number | null
    readonly startedAtMs: number
  }[]
}

/** Of everything that is installed, and of what runs of releases that were replaced. @throws StoreError `NOT_INSTALLED` */
export function provenanceOf(host: Host, text: string | null): Provenance[] {
  const name = text === null ? null : nameOf(text)
  const runs = liveRuns(host, name)
  const installed = host.store.list().filter((one) => name === null || one.name === name)
  if (name !== null && installed.length === 0) {
    throw new StoreError('NOT_INSTALLED', `cannot show ${name}: it is not installed`, { hint: 'plugins list' })
  }
  const states = new Map(installed.map((one) => [keyOf(one), one.state]))
  // The version is what a run has kept of its release: under one version there were never other bytes here.
  const replaced = runs.map(({ run }) => run).filter((run) => !states.has(keyOf(run)))
  const shown = new Map([...installed, ...replaced].map((one) => [keyOf(one), one]))
  return [...shown.values()]
    .map((one) => releaseOf(host, one, states.get(keyOf(one)) ?? 'removing', runs))
    .sort((a, b) => a.name.localeCompare(b.name, 'en'))
}

interface Named {
  readonly name: PluginName
  readonly version: string
}

const keyOf = ({ name, version }: Named): string => `${name}@${version}`

function releaseOf(host: Host, one: Named, state: InstallationState, runs: readonly OpenRun[]): Provenance {
  const { name, version } = one
  const release = host.store.releases.find(name, version)
  if (release === null)
    throw new StoreError('STORE_UNREADABLE', `cannot find the release ${keyOf(one)}: its row is gone`)
  const { install, latest } = host.store.verdicts.of(name, version)
  return {
    name,
    version,
    state,
    sha256: release.sha256,
    manifestDigest: release.manifestDigest,
    signers: install?.signers.map(signerOf) ?? release.signers.map((id) => signerOf({ id, principal: null })),
    countersigners: install?.countersigners.map(signerOf) ?? [],
    policyDigest: release.policyDigest,
    roots: install?.roots ?? [],
    verifiedAtMs: install?.atMs ?? release.verifiedAtMs,
    bulkhead: install?.bulkhead ?? null,
    lastVerified: latest === null ? null : { atMs: latest.atMs, verdict: latest.verdict, bulkhead: latest.bulkhead },
    running: runs
      .filter(({ run }) => keyOf(run) === keyOf(one))
      .map((open) => ({ run: open.run.id, pid: launcherOf(open)?.pid ?? null, startedAtMs: open.run.startedAtMs })),
  }
}

function signerOf({ id, principal }: { readonly id: string; readonly principal: string | null }): ProvenSigner {
  const blank = id.indexOf(' ')
  if (blank < 0) return { id, kind: 'keyed', principal, issuer: null, identity: null }
  // An issuer is a URL and has no blank in it; an identity may have one.
  return { id, kind: 'keyless', principal, issuer: id.slice(0, blank), identity: id.slice(blank + 1) }
}
