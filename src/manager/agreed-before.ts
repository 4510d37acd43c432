import { type Agreement, askedBy, modest } from '../core/agreement.ts'
import { VerificationError } from '../core/errors.ts'
import { type Installation, unsignedUntilOf } from '../core/installation.ts'
import type { Manifest } from '../core/manifest.ts'
import type { PluginName } from '../core/name.ts'
import type { Signer } from '../core/verified.ts'
import type { Host } from './host.ts'
import { signedManifestOf } from './signed-manifest.ts'

export interface AgreedBefore {
  readonly agreement: Agreement
  /** The row of the latest approval, of whatever release; `null`: there is none. */
  readonly basis: number | null
}

/**
 * What was agreed to for what is installed, and for no other release: what was gone back from had more, perhaps, and whoever
 * went back took that away. Without an approval of it, what the installation's own rows tell.
 */
export function agreedBefore(host: Host, installed: Installation, asked: Agreement): AgreedBefore {
  const { approvals } = host.store
  const basis = basisOf(host, installed.name)
  const own = approvals.of(installed.name, installed.digest)
  return { agreement: own?.agreement ?? ofInstallation(host, installed, asked), basis }
}

/** The row of the latest approval, of whatever release: what anything was compared with stands as long as this one is the latest. */
export const basisOf = ({ store }: Pick<Host, 'store'>, name: PluginName): number | null =>
  store.approvals.latest(name)?.id ?? null

function ofInstallation(host: Host, installed: Installation, asked: Agreement): Agreement {
  const manifest = readableManifest(host, installed)
  // What it was cannot be told any more: everything is asked, and for the publisher as well.
  if (manifest === null) {
    return { ...modest(host.config, installed.name, asked), permissions: installed.consent, signers: [] }
  }
  const verdict = host.store.verdicts.of(installed.name, installed.version).install
  const { agreement } = askedBy(host.config, manifest, {
    signers: verdict?.signers ?? installed.signers.map(byItself),
    countersigners: verdict?.countersigners ?? [],
    fileList: installed.filesDigest === null ? 'signed' : 'recorded',
    predicates: [],
    unsignedUntil: unsignedUntilOf(installed),
  })
  return { ...agreement, permissions: installed.consent }
}

/** An update is the way out for a release whose files were damaged, and must not need them. */
function readableManifest(host: Host, installed: Installation): Manifest | null {
  try {
    return signedManifestOf(host.layout.release(installed.name, installed.version, installed.digest), installed)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

/** Of a release from before principals were kept: the key stands for itself, and any other name for it is asked about. */
const byItself = (id: string): Signer => ({ id, kind: id.startsWith('ed25519:') ? 'keyed' : 'keyless', principal: id })
