import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { Verifier as SigstoreVerifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify'
import { type SignedTarball, signedTarballs } from './signed.ts'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { type Row, rowOf } from './table.ts'

/** Checking a signed tarball: cold, as a command; warm, in a process that has done it before; and what it takes of memory. */
export async function verify(stage: Stage): Promise<Row[]> {
  const signed = await signedTarballs(stage)
  return [...(await cold(stage, signed)), ...(await warm(stage, signed))]
}

async function cold(stage: Stage, signed: readonly SignedTarball[]): Promise<Row[]> {
  const [{ tarball }] = signed as readonly [SignedTarball]
  // What a careful person types where there is no such command; it compares with digests that somebody has to trust.
  const byHand = ['/bin/sh', '-ec', 'sha256sum "$1"; sha512sum "$1"', 'sh', tarball]
  const contenders = [
    { argv: stage.node },
    { argv: byHand },
    ...signed.map(({ home, tarball }) => ({ argv: stage.plugins(home, 'verify', tarball) })),
  ]
  const [node, hashed, ...ours] = await stage.driver.time(contenders, stage.rounds(50, 5), 2)
  if (!node || !hashed) return []
  return signed.flatMap(({ kind }, at) => {
    const work = `plugins verify X.tgz: ${kind}`
    const { ms = [], peakMiB = [] } = ours[at] ?? {}
    return [
      rowOf({ work, against: 'node -e 0', unit: 'ms', ours: ms, theirs: node.ms }),
      rowOf({ work, against: 'sha256sum + sha512sum', unit: 'ms', ours: ms, theirs: hashed.ms }),
      rowOf({ work: `${work}, peak memory`, against: 'node -e 0', unit: 'MiB', ours: peakMiB, theirs: node.peakMiB }),
    ]
  })
}

async function warm(stage: Stage, signed: readonly SignedTarball[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const { kind, home, tarball, trustedRoot } of signed) {
    const manager = await stage.open(home)
    const ours = async (): Promise<void> => {
      const { ok, error } = await manager.verify(tarball)
      if (!ok) throw new Error(`cannot measure: ${error?.message}`)
    }
    const theirs = trustedRoot === null ? signatureAlone(home, tarball) : libraryAlone(tarball, trustedRoot)
    const contenders = [ours, theirs].map((work) => async (): Promise<number> => {
      const began = performance.now()
      await work()
      return performance.now() - began
    })
    await interleave(3, contenders)
    const [mine = [], other = []] = await interleave(stage.rounds(100, 10), contenders)
    const against = trustedRoot === null ? 'node:crypto: signature and digests' : '@sigstore/verify: the bundle alone'
    rows.push(rowOf({ work: `manager.verify: ${kind}`, against, unit: 'ms', ours: mine, theirs: other }))
    await manager.close()
  }
  return rows
}

interface BundleJson {
  readonly dsseEnvelope: { payload: string; payloadType: string; signatures: readonly { sig: string }[] }
  readonly verificationMaterial: unknown
}
const bundleOf = (tarball: string) => JSON.parse(readFileSync(`${tarball}.sigstore.json`, 'utf8')) as BundleJson

/** DSSE: what the signature covers. No form, no policy, no archive: the least that could be called checking. */
function signatureAlone(home: string, tarball: string): () => void {
  const raw = Buffer.from(
    /"publicKey": "([^"]+)"/.exec(readFileSync(`${home}/trust.json`, 'utf8'))?.[1] ?? '',
    'base64',
  )
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw])
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return () => {
    const { payload, payloadType, signatures } = bundleOf(tarball).dsseEnvelope
    const body = Buffer.from(payload, 'base64')
    const head = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `)
    const signature = Buffer.from(signatures[0]?.sig ?? '', 'base64')
    const bytes = readFileSync(tarball)
    for (const algorithm of ['sha256', 'sha512']) createHash(algorithm).update(bytes).digest('hex')
    if (!verifySignature(null, Buffer.concat([head, body]), key, signature))
      throw new Error('cannot measure: no signature')
  }
}

function libraryAlone(tarball: string, trustedRoot: unknown): () => void {
  const material = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot))
  const verifier = new SigstoreVerifier(material, { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 })
  return () => void verifier.verify(toSignedEntity(bundleFromJSON(bundleOf(tarball))))
}
