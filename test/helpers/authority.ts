import { gzipSync } from 'node:zlib'
import { ARCHIVE_BOUNDS, type StagedTarball } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { sha256, sha512 } from '../../src/core/digest.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { PAYLOAD_TYPE, type ReleaseStatement } from '../../src/core/statement.ts'
import { formatBundle } from '../../src/verify/bundle.ts'
import { preAuthEncoding } from '../../src/verify/dsse.ts'
import { buildStatement, generateKey, type SecretKey, signedFilesOf, signPayload } from '../../src/verify/index.ts'
import { formatPolicy, parsePolicy, type TrustPolicy } from '../../src/verify/policy.ts'
import type { PolicyDocument, Rule } from '../../src/verify/policy-document.ts'

/** A release as its publisher hands it out. */
export interface PublishedRelease {
  readonly tarball: Buffer
  readonly bundle: Buffer
  readonly statement: ReleaseStatement
  /** What `registry.fetchTarball` would give for it. */
  readonly staged: StagedTarball
}

export interface ReleaseSpec {
  readonly name?: string
  readonly version?: string
  /** Beside `plugin.json`; a text, or a program when `executable` names it. */
  readonly files?: Readonly<Record<string, string | Buffer>>
  readonly executable?: readonly string[]
  readonly publishedAt?: string
  readonly expiresAt?: string | null
  readonly sequence?: number
  /** Who signs, one bundle each; the authority's own key when left out. */
  readonly signers?: readonly Authority[]
  /** Changes what is stated before it is signed: a publisher that states something untrue. */
  readonly misstate?: (statement: ReleaseStatement) => ReleaseStatement
}

/** Signs real tarballs with a throwaway key, exactly as a publisher does. */
export class Authority {
  readonly key: SecretKey

  constructor(key: SecretKey) {
    this.key = key
  }

  get keyId(): string {
    return this.key.publicKey.id
  }

  /** The principal that stands for this key alone, as `plugins trust add` writes it. */
  get principal(): PolicyDocument['principals'][number] {
    const publicKey = this.key.publicKey.raw.toString('base64')
    return { id: this.keyId, keys: [{ id: this.keyId, publicKey }], identities: [] }
  }

  publish(spec: ReleaseSpec = {}): PublishedRelease {
    const tarball = packed(spec)
    const statement = (spec.misstate ?? ((same) => same))(stateOf(tarball, spec))
    const payload = buildStatement(statement)
    const bundle = Buffer.concat((spec.signers ?? [this]).map(({ key }) => signPayload(payload, key)))
    return { tarball, bundle, statement, staged: staged(tarball, bundle) }
  }

  /** Signs any bytes as any type: for payloads that no honest tool would write. */
  sign(payload: Buffer | string | object, payloadType: string = PAYLOAD_TYPE): Buffer {
    const isText = typeof payload === 'string' || Buffer.isBuffer(payload)
    const bytes = Buffer.from(isText ? payload : JSON.stringify(payload))
    const signature = this.key.sign(preAuthEncoding(payloadType, bytes))
    return formatBundle({ payloadType, payload: bytes, keyId: this.key.publicKey.id, signature })
  }
}

export async function authority(): Promise<Authority> {
  return new Authority(await generateKey())
}

export function staged(tarball: Buffer, bundle: Buffer | null, source = 'acme-hello-1.0.0.tgz'): StagedTarball {
  return { source, bytes: tarball, sha256: sha256(tarball), sha512: sha512(tarball), bundle }
}

/** A policy that trusts these for `pattern`, each as a principal of its own. */
export function trusting(
  authorities: readonly Authority[],
  pattern = 'acme/*',
  more: { threshold?: number; revocations?: PolicyDocument['revocations']; rules?: readonly Rule[] } = {},
): TrustPolicy {
  const rule = { pattern, principals: authorities.map(({ keyId }) => keyId), threshold: more.threshold ?? 1 }
  return policyOf({
    version: 1,
    principals: authorities.map(({ principal }) => principal),
    rules: [rule, ...(more.rules ?? [])],
    revocations: more.revocations ?? [],
  })
}

export const policyOf = (document: PolicyDocument): TrustPolicy => parsePolicy(formatPolicy(document), 'trust.json')

function stateOf(tarball: Buffer, spec: ReleaseSpec): ReleaseStatement {
  const archive = readArchive(tarball, ARCHIVE_BOUNDS)
  const files = signedFilesOf(archive)
  const entry = archive.entries.find(({ path }) => path === 'plugin.json')
  if (entry === undefined) throw new Error('the authority packs a plugin.json')
  const manifest = archive.tar.subarray(entry.offset, entry.offset + entry.size)
  const { name, version } = parseManifest(manifest)
  return {
    name,
    version,
    sha256: sha256(tarball),
    sha512: sha512(tarball),
    manifestDigest: sha256(manifest),
    files,
    sequence: spec.sequence ?? 1,
    publishedAt: spec.publishedAt ?? '2026-11-01T08:00:00Z',
    expiresAt: spec.expiresAt ?? null,
  }
}

/** A plain ustar archive of a small plugin. */
export function packed({
  name = 'acme/hello',
  version = '1.0.0',
  files = {},
  executable = [],
}: ReleaseSpec = {}): Buffer {
  const manifest = JSON.stringify({ name, version, entry: { runtime: 'node', path: 'main.js' } })
  const all: Record<string, string | Buffer> = {
    'main.js': 'console.log("hello")\n',
    'plugin.json': manifest,
    ...files,
  }
  const entries = Object.entries(all)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap(([path, content]) => tarEntry(path, Buffer.from(content), executable.includes(path) ? 0o755 : 0o644))
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]))
}

function tarEntry(path: string, content: Buffer, mode: number): Buffer[] {
  const header = Buffer.alloc(512)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  header.write(path, 0, 100)
  header.write(octal(mode, 7), 100)
  header.write(octal(0, 7), 108)
  header.write(octal(0, 7), 116)
  header.write(octal(content.length, 11), 124)
  header.write(octal(0, 11), 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
}
