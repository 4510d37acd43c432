import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Archive, fileBytesOf } from '../../src/core/archive.ts'
import { sha256, sha512 } from '../../src/core/digest.ts'
import { PluginError } from '../../src/core/errors.ts'
import type { Manifest } from '../../src/core/manifest.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import type { PluginName } from '../../src/core/name.ts'
import type { ReleaseStatement } from '../../src/core/statement.ts'
import { type Bundle, parseBundles } from '../../src/verify/bundle.ts'
import { buildStatement, Verifier } from '../../src/verify/index.ts'
import { keyFromSeed } from '../../src/verify/secret-key.ts'
import { Authority, staged, trusting } from '../helpers/authority.ts'
import { NEVER_SEEN, NOW } from '../helpers/examine.ts'
import { signedFilesOf } from '../helpers/unpackable.ts'
import { CORPUS } from './corpus.ts'
import { must, type Trial } from './target.ts'

/** The one release that the kept bundles are about. */
const KEPT = { name: 'acme/hello' as PluginName, version: '1.0.0' }

/** The same keys on every machine, so that what they signed can be kept. They sign nothing but this corpus. */
export async function signer(who: string): Promise<Authority> {
  return new Authority(await keyFromSeed(Buffer.from(sha256(`a fuzzing key of ${who}`), 'hex')))
}

/** All of a bundle that a verdict depends on. */
const meaning = ({ material, payloadType, payload, signature }: Bundle): string =>
  [JSON.stringify(material), payloadType, payload.toString('base64'), signature.toString('base64')].join('\n')

/** Changed bundles of an installed release: accepted only when each says exactly what a kept one says. */
export async function bundleTrial(): Promise<Trial> {
  const policy = trusting([await signer('alice'), await signer('bob')])
  const parts = { policy, now: () => NOW, historyOf: () => NEVER_SEEN, readArchive: () => neverReached() }
  const verifier = new Verifier(parts)
  const kept = parseBundles(readFileSync(join(CORPUS, 'verify', 'valid-two-signers.jsonl')))
  const known = new Set(kept.map(meaning))
  return {
    attempt: (input) => {
      const { verdict } = verifier.reexamine(input, KEPT)
      if (!verdict.ok) throw verdict.error
      const bundles = parseBundles(input)
      must(bundles.length > 0, 'it was verified without a bundle')
      for (const bundle of bundles) must(known.has(meaning(bundle)), 'it was verified, and nobody signed it')
      must(verdict.value.statement.name === KEPT.name, 'it was verified as another plugin')
      return verdict.value.statement
    },
  }
}

function neverReached(): never {
  throw new Error('a bundle alone has no archive')
}

/** Changed tarballs that a trusted publisher signed: truthfully, or with the list of another where there is no truth to tell. */
export async function releaseTrial(read: (tarball: Buffer) => Archive): Promise<Trial> {
  const alice = await signer('alice')
  const verifier = new Verifier({
    policy: trusting([alice], '*/*'),
    now: () => NOW,
    historyOf: () => NEVER_SEEN,
    readArchive: read,
  })
  const other = alice.publish().statement
  return {
    attempt: async (input) => {
      const judged = async (statement: ReleaseStatement): Promise<Manifest> => {
        const { verdict } = await verifier.examine(staged(input, alice.sign(buildStatement(statement))))
        if (!verdict.ok) throw verdict.error
        const { verified, archive, manifest } = verdict.value
        must(isDeepStrictEqual(verified.statement, statement), 'what was verified is not what was signed')
        must(isDeepStrictEqual(signedFilesOf(archive), statement.files), 'it has files that nobody signed')
        must(manifest.name === statement.name, 'its manifest names another plugin than its statement')
        return manifest
      }
      const truth = truthOf(input, read)
      return judged(truth ?? { ...other, sha256: sha256(input), sha512: sha512(input) })
    },
  }
}

/** What an honest publisher would state of these bytes; `null` when nobody could state anything of them. */
function truthOf(input: Buffer, read: (tarball: Buffer) => Archive): ReleaseStatement | null {
  try {
    const archive = read(input)
    const entry = archive.entries.find(({ path }) => path === 'plugin.json')
    if (entry === undefined) return null
    const bytes = fileBytesOf(archive, entry)
    const { name, version } = parseManifest(bytes)
    const statement: ReleaseStatement = {
      name,
      version,
      sha256: sha256(input),
      sha512: sha512(input),
      manifestDigest: sha256(bytes),
      files: signedFilesOf(archive),
      sequence: 1,
      publishedAt: '2026-11-01T08:00:00Z',
      expiresAt: null,
    }
    buildStatement(statement)
    return statement
  } catch (error) {
    if (error instanceof PluginError) return null
    throw error
  }
}
