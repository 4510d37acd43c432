// Everything that reads bytes which nobody vouches for. One row a parser: a new one needs a row here and a folder in corpus/.
import { X509Certificate } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { ARCHIVE_BOUNDS, type ArchiveBounds } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { parseConfig } from '../../src/core/config-parser.ts'
import { sha256 } from '../../src/core/digest.ts'
import { ERROR_CODES, type ErrorCode } from '../../src/core/error-codes.ts'
import { formatLockFile } from '../../src/core/lock-file.ts'
import { parseLockFile } from '../../src/core/lock-file-parser.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import type { PluginName } from '../../src/core/name.ts'
import { readSignedManifest } from '../../src/core/signed-manifest.ts'
import { PAYLOAD_TYPE } from '../../src/core/statement.ts'
import { formatPluginFile, formatRootFile, parsePluginFile, parseRootFile } from '../../src/registry/index-file.ts'
import { isRegistryPath } from '../../src/registry/paths.ts'
import { parseAttestation } from '../../src/verify/attestation.ts'
import { parseBundles } from '../../src/verify/bundle.ts'
import { readIdentity } from '../../src/verify/keyless/identity.ts'
import { parseTrustedRoot } from '../../src/verify/keyless/trusted-root.ts'
import { formatPolicy, parsePolicy } from '../../src/verify/policy.ts'
import { buildStatement, parseStatement } from '../../src/verify/statement.ts'
import { HOSTILE_ARCHIVES } from '../helpers/hostile-archive.ts'
import { archiveTrial } from './archive-trial.ts'
import { mutateBytes } from './byte-mutations.ts'
import { HANDSHAKE_WORDS, handshakeTrial, MESSAGE_WORDS, messageTrial } from './go-plugin-trials.ts'
import { mutateJson } from './json-mutations.ts'
import { bundleTrial, keylessTrial, releaseTrial } from './release-trial.ts'
import { mutateTarball, packed, unpacked } from './tar-mutations.ts'
import { must, type Target } from './target.ts'
import {
  BUNDLE_WORDS,
  CERTIFICATE_WORDS,
  CONFIG_WORDS,
  LOCK_WORDS,
  MANIFEST_WORDS,
  POLICY_WORDS,
  REGISTRY_WORDS,
  ROOT_WORDS,
  STATEMENT_WORDS,
  TAR_WORDS,
} from './words.ts'

const only =
  (...codes: readonly ErrorCode[]) =>
  (code: string): boolean =>
    (codes as readonly string[]).includes(code)
const ARCHIVE_CODES = ['ARCHIVE_MALFORMED', 'ARCHIVE_UNSAFE', 'ARCHIVE_TOO_LARGE'] as const
/** Verdicts of the verifier about a release; that it failed itself, or that the policy is bad, is none. */
const VERDICTS = Object.entries(ERROR_CODES)
  .filter(([code, { exitCode }]) => exitCode === 3 && !/^(?:VERIFIER_ERROR|POLICY_.*|AUDIT_BROKEN|GRPC_.*)$/.test(code))
  .map(([code]) => code as ErrorCode)

/** Small enough that a bomb is one within the memory of a run; the real ones have tests of their own. */
export const SMALL_BOUNDS: ArchiveBounds = { ...ARCHIVE_BOUNDS, unpackedBytes: 8 * 2 ** 20, fileBytes: 4 * 2 ** 20 }
const TARBALL_SEED_MAX = 64 * 1024
const hostile = () =>
  Object.values(HOSTILE_ARCHIVES)
    .map(({ bytes }) => bytes())
    .filter(({ length }) => length <= TARBALL_SEED_MAX)
const INSIDE = { unpack: unpacked, pack: (tar: Buffer) => packed(tar) }

/** Read twice, and once more as JSON.parse and JSON.stringify have it: one document has one meaning. */
function sameAgain<T>(input: Buffer, parse: (bytes: Buffer) => T): T {
  const value = parse(input)
  must(isDeepStrictEqual(parse(input), value), 'two readings of the same bytes differ')
  const plain = Buffer.from(JSON.stringify(JSON.parse(input.toString('utf8'))))
  // As texts: JSON.stringify writes -0 as 0, which no reader of a document can tell apart.
  must(JSON.stringify(parse(plain)) === JSON.stringify(value), 'JSON.parse reads another document than the parser')
  return value
}

const json = { mutate: mutateJson } as const
const tarball = { mutate: mutateTarball, dictionary: TAR_WORDS, inside: INSIDE } as const

export const TARGETS: readonly Target[] = [
  {
    ...json,
    name: 'bundle',
    share: 200,
    dictionary: BUNDLE_WORDS,
    refuses: only('BUNDLE_MALFORMED'),
    open: async () => ({
      attempt: (input) => {
        const bundles = parseBundles(input)
        must(isDeepStrictEqual(parseBundles(input), bundles), 'two readings of the same bytes differ')
        // A file of one document may span lines, each of several has one: both have one form that says the same.
        const documents = bundles.length > 1 ? input.toString('utf8').trimEnd().split('\n') : [input.toString('utf8')]
        const plain = documents.map((text) => JSON.stringify(JSON.parse(text))).join('\n')
        must(isDeepStrictEqual(parseBundles(Buffer.from(plain)), bundles), 'JSON.parse reads other bundles')
        return bundles
      },
    }),
  },
  {
    ...json,
    name: 'statement',
    share: 200,
    dictionary: STATEMENT_WORDS,
    refuses: only('STATEMENT_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const statement = sameAgain(input, (bytes) => parseStatement(PAYLOAD_TYPE, bytes))
        const again = parseStatement(PAYLOAD_TYPE, buildStatement(statement))
        must(isDeepStrictEqual(again, statement), 'what is built of a statement states something else')
        return statement
      },
    }),
  },
  {
    ...json,
    name: 'attestation',
    share: 50,
    dictionary: STATEMENT_WORDS,
    refuses: only('STATEMENT_INVALID'),
    open: async () => ({ attempt: (input) => sameAgain(input, (bytes) => parseAttestation(PAYLOAD_TYPE, bytes)) }),
  },
  {
    ...json,
    name: 'root',
    share: 60,
    dictionary: ROOT_WORDS,
    refuses: only('ROOT_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const root = parseTrustedRoot(input, 'local')
        must(root.digest === sha256(input) && root.bytes.equals(input), 'a root of other bytes')
        const { digest, bytes, ...said } = parseTrustedRoot(Buffer.from(JSON.stringify(root.json)), 'local')
        must(JSON.stringify(said) === JSON.stringify({ ...root, digest: undefined, bytes: undefined }), 'another root')
        return root
      },
    }),
  },
  {
    name: 'certificate',
    mutate: mutateBytes,
    share: 60,
    dictionary: CERTIFICATE_WORDS,
    refuses: only('CERTIFICATE_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const identity = readIdentity(input)
        must(isDeepStrictEqual(readIdentity(input), identity), 'two readings of the same bytes differ')
        const { subjectAltName = '' } = new X509Certificate(input)
        // Where OpenSSL has a name to show, it is the one that we compare.
        const shown = /^(?:URI|email):([^,"]+)$/.exec(subjectAltName)?.[1]
        must(shown === undefined || shown === identity.identity, `OpenSSL reads ${subjectAltName}`)
        return identity
      },
    }),
  },
  {
    ...json,
    name: 'keyless',
    share: 40,
    unguided: true,
    dictionary: [...BUNDLE_WORDS, ...ROOT_WORDS],
    refuses: only(...VERDICTS),
    open: keylessTrial,
  },
  {
    ...json,
    name: 'manifest',
    share: 150,
    dictionary: MANIFEST_WORDS,
    refuses: only('MANIFEST_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const manifest = sameAgain(input, (bytes) => parseManifest(bytes))
        // A run reads the signed bytes without the schema, and must see the manifest that the install saw.
        const atRun = readSignedManifest(input)
        must(JSON.stringify(atRun, sorted) === JSON.stringify(manifest, sorted), 'a run reads another manifest')
        return manifest
      },
    }),
  },
  {
    ...json,
    name: 'policy',
    share: 150,
    dictionary: POLICY_WORDS,
    refuses: only('POLICY_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const { document } = parsePolicy(input, 'trust.json')
        sameAgain(input, (bytes) => parsePolicy(bytes, 'trust.json').document)
        const written = parsePolicy(formatPolicy(document), 'trust.json').document
        must(isDeepStrictEqual(written, document), 'what is written of a policy is another policy')
        return document
      },
    }),
  },
  {
    ...json,
    name: 'config',
    share: 100,
    dictionary: CONFIG_WORDS,
    refuses: only('CONFIG_INVALID'),
    open: async () => ({ attempt: (input) => sameAgain(input, (bytes) => parseConfig(bytes, 'config.json')) }),
  },
  {
    ...json,
    name: 'lock',
    share: 100,
    dictionary: LOCK_WORDS,
    refuses: only('LOCK_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const lock = sameAgain(input, (bytes) => parseLockFile(bytes, 'plugins.lock'))
        const text = formatLockFile(lock)
        const again = formatLockFile(parseLockFile(Buffer.from(text), 'plugins.lock'))
        must(again === text, 'what is written of a lock file is written otherwise the next time')
        return lock
      },
    }),
  },
  {
    ...json,
    name: 'registry-plugin',
    share: 80,
    dictionary: REGISTRY_WORDS,
    refuses: only('REGISTRY_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const parse = (bytes: Buffer) => parsePluginFile(bytes, 'acme/hello' as PluginName, 'index/acme/hello.json')
        const releases = sameAgain(input, parse)
        must(
          isDeepStrictEqual(parse(formatPluginFile('acme/hello' as PluginName, releases)), releases),
          'written anew it lists something else',
        )
        for (const { tarball, bundle } of releases)
          must(isRegistryPath(tarball) && isRegistryPath(bundle), 'a path leads out of the registry')
        return releases
      },
    }),
  },
  {
    ...json,
    name: 'registry-root',
    share: 60,
    dictionary: REGISTRY_WORDS,
    refuses: only('REGISTRY_INVALID'),
    open: async () => ({
      attempt: (input) => {
        const parse = (bytes: Buffer) => parseRootFile(bytes, 'index.json')
        const plugins = sameAgain(input, parse)
        must(isDeepStrictEqual(parse(formatRootFile(plugins)), plugins), 'written anew it lists something else')
        return plugins
      },
    }),
  },
  {
    name: 'handshake',
    mutate: mutateBytes,
    share: 60,
    dictionary: HANDSHAKE_WORDS,
    refuses: only(
      'GRPC_HANDSHAKE_INVALID',
      'GRPC_VERSION_UNSUPPORTED',
      'GRPC_PROTOCOL_UNSUPPORTED',
      'GRPC_MTLS_REFUSED',
    ),
    open: handshakeTrial,
  },
  {
    name: 'grpc-message',
    mutate: mutateBytes,
    share: 60,
    dictionary: MESSAGE_WORDS,
    refuses: only('CALL_FAILED'),
    open: messageTrial,
  },
  {
    ...tarball,
    name: 'tar',
    seeds: hostile,
    share: 135,
    memoryMiB: 64,
    refuses: only(...ARCHIVE_CODES),
    open: async () => archiveTrial((input) => readArchive(input, SMALL_BOUNDS), SMALL_BOUNDS),
  },
  {
    ...json,
    name: 'verify',
    share: 50,
    dictionary: BUNDLE_WORDS,
    refuses: only(...VERDICTS),
    open: bundleTrial,
  },
  {
    ...tarball,
    name: 'release',
    share: 15,
    unguided: true,
    memoryMiB: 64,
    refuses: only(...VERDICTS, 'MANIFEST_INVALID'),
    open: () => releaseTrial((bytes) => readArchive(bytes, SMALL_BOUNDS)),
  },
]

function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
