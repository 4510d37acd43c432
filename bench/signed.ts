import { readFile, writeFile } from 'node:fs/promises'
import { workflow } from '../test/helpers/sigstore/issuer.ts'
import { type KeylessOptions, keylessLine } from '../test/helpers/sigstore/keyless.ts'
import { type Sigstore, startSigstore } from '../test/helpers/sigstore/sigstore.ts'
import type { Stage } from './stage.ts'

/** A tarball with a bundle beside it, and a home that trusts whoever signed it. */
export interface SignedTarball {
  /** As a row calls it. */
  readonly kind: string
  readonly tarball: string
  readonly home: string
  /** Where a certificate vouches for the signer: what a library needs to check the same bundle. */
  readonly trustedRoot: unknown
}

const KEYLESS: readonly (KeylessOptions & { readonly kind: string })[] = [
  { kind: 'keyless, log v1', rekor: [1] },
  { kind: 'keyless, log v2 and timestamp', rekor: [2] },
]

/** The same plugin, signed in each way there is: with a key, and by a Sigstore on loopback that is gone when they are checked. */
export async function signedTarballs(stage: Stage): Promise<readonly SignedTarball[]> {
  const { tarball, home } = await stage.wordCount()
  const keyed = { kind: 'a key', tarball, home, trustedRoot: null }
  await using sigstore = await startSigstore()
  const payload = await payloadOf(tarball)
  const keyless: SignedTarball[] = []
  for (const [at, { kind, ...options }] of KEYLESS.entries()) {
    const copy = stage.path(`keyless-${at}.tgz`)
    await writeFile(copy, await readFile(tarball))
    await writeFile(`${copy}.sigstore.json`, await keylessLine(sigstore, payload, options))
    const trusting = await homeOf(stage, sigstore, `keyless-home-${at}`)
    keyless.push({ kind, tarball: copy, home: trusting, trustedRoot: sigstore.trustedRoot })
  }
  return [keyed, ...keyless]
}

async function homeOf(stage: Stage, sigstore: Sigstore, name: string): Promise<string> {
  const { home, manager } = await stage.home(name)
  const file = stage.path(`${name}.json`)
  await writeFile(file, sigstore.trustedRootBytes)
  await manager.roots.add(file, 'local')
  const identity = `https://github.com/${String(workflow('acme/plugins').job_workflow_ref)}`
  await manager.trust.addIdentity({ issuer: sigstore.urls.issuer, identity, root: 'local' }, { pattern: 'acme/*' })
  await manager.close()
  return home
}

/** What the key signed: all of them sign the very same statement. */
async function payloadOf(tarball: string): Promise<Buffer> {
  const bundle = JSON.parse(await readFile(`${tarball}.sigstore.json`, 'utf8')) as { dsseEnvelope: { payload: string } }
  return Buffer.from(bundle.dsseEnvelope.payload, 'base64')
}
