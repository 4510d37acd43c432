import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { sha256 } from '../../src/core/digest.ts'
import type { Installation } from '../../src/core/installation.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { OpenChange } from '../../src/core/step.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import { Store, type UidRange, type Verdict } from '../../src/store/index.ts'
import type { Beginning, Settled } from '../../src/store/transitions.ts'
import { authority, type ReleaseSpec, trusting } from '../helpers/authority.ts'
import { verifierFor } from '../helpers/examine.ts'

export const NAME = 'acme/hello' as PluginName
export const NOTHING = { network: [], read: [], env: [] }
export const UIDS: UidRange = { first: 200_000, count: 3 }

const publisher = await authority()
const policy = trusting([publisher], '*/*')

/** A release that a real verifier let through. */
export function released(spec: ReleaseSpec = {}): Promise<VerifiedRelease> {
  return verifierFor(policy).verify(publisher.publish(spec).staged)
}

/** Why it was let in, without checks. */
export function acceptanceOf({ verified }: VerifiedRelease): Verdict {
  const { signers, countersigners, evidence, bundle } = verified
  return {
    verdict: 'OK',
    signers,
    countersigners,
    checks: [],
    bundle: sha256(bundle ?? ''),
    evidence,
    bulkhead: '0.0.1',
  }
}

export interface Place {
  readonly path: string
  store: Store
  /** The file as somebody else sees it. */
  raw<T>(work: (db: Database.Database) => T): T
  reopen(uids?: UidRange): Store
  /** `begin` and `settle` in one go. */
  install(release: VerifiedRelease): Installation
}

/** A database of this test alone, gone when it ends. */
export function makePlace(context: TestContext, uids: UidRange = UIDS): Place {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-store-'))
  const path = join(folder, 'bulkhead.db')
  let now = 1_000
  const open = (range: UidRange) => Store.open({ path, uids: range, now: () => now++ })
  const place: Place = {
    path,
    store: open(uids),
    raw(work) {
      const db = new Database(path)
      try {
        return work(db)
      } finally {
        db.close()
      }
    },
    reopen(range = uids) {
      place.store.close()
      place.store = open(range)
      return place.store
    },
    install(release) {
      return settle(place.store, begin(place.store, release), release).installation
    },
  }
  context.after(() => {
    place.store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return place
}

/** Takes the plugin's place and records the release, as the manager does. */
export function begin(store: Store, release: VerifiedRelease, more: Partial<Beginning> = {}): Begun {
  const { name } = release.manifest
  const change = more.change ?? store.changes.begin(name, 'install')
  try {
    const installation = store.begin(release, {
      change,
      consent: NOTHING,
      seenHighWater: store.history(name).highWater,
      before: store.find(name),
      source: null,
      asked: null,
      ...more,
    })
    return { ...installation, change }
  } catch (error) {
    store.changes.end(change)
    throw error
  }
}

export type Begun = Installation & { readonly change: OpenChange }

export function settle(store: Store, begun: Begun, release: VerifiedRelease, more: Partial<Settled> = {}) {
  const { version } = release.manifest
  return store.settle(begun, {
    seal: null,
    highWater: version,
    allowedDowngrade: false,
    verdict: acceptanceOf(release),
    change: begun.change,
    snapshot: null,
    leftovers: [],
    approval: null,
    keep: 100,
    ...more,
  })
}

/** First half of a removal of a plugin that has one version. */
export function retire(store: Store, installation: Installation, how: { readonly purge: boolean }): Installation {
  const [leaving, ...others] = store.retire(installation, how)
  if (leaving === undefined || others.length > 0) throw new Error(`${installation.name} has kept versions`)
  return leaving
}

/** Removes what is installed, as the manager does. */
export function remove(store: Store, name: PluginName, purge: boolean): void {
  const installation = store.find(name)
  if (installation === null) throw new Error(`${name} is not installed`)
  for (const one of store.retire(installation, { purge })) store.forget(one)
}
