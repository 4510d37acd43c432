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
import { buildStatement, parsePolicy, type Verifier } from '../../src/verify/index.ts'
import { parseTrustedRoot } from '../../src/verify/keyless/trusted-root.ts'
import { keyFromSeed } from '../../src/verify/secret-key.ts'
import { Authority, staged, trusting } from '../helpers/authority.ts'
import { verifierFor } from '../helpers/examine.ts'
import { signedFilesOf } from '../helpers/unpackable.ts'
import { keptInputs } from './corpus.ts'
import { must, type Trial } from './target.ts'

/** The one release that the kept bundles are about. */
const KEPT = { name: 'acme/hello' as PluginName, version: '1.0.0' }

/** The same keys on every machine, so that what they signed can be kept. They sign nothing but this corpus. */
export async function signer(who: string): Promise<Authority> {
  return new Authority(await keyFromSeed(Buffer.from(sha256(`a fuzzing key of ${who}`), 'hex')))
}

/** All of a bundle that says who signed what. */
function meaning({ material, payloadType, payload, signature }: Bundle): string {
  const who = material.kind === 'key' ? material.hint : material.der.toString('base64')
  return [who, payloadType, payload.toString('base64'), signature.toString('base64')].join('\n')
}

/** Changed bundles of an installed release: accepted only when each says exactly what a kept one says. */
export async function bundleTrial(): Promise<Trial> {
  return trialOf(verifierFor(trusting([await signer('alice'), await signer('bob')])), 'verify')
}

/** The same for bundles with a certificate, a log's entry and timestamps, of a Sigstore that signed once and is no more. */
export async function keylessTrial(): Promise<Trial> {
  const kept = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'sigstore', name))
  const root = parseTrustedRoot(kept('trusted_root.json'), 'local')
  const roots = { find: async () => root, all: async () => [root] }
  return trialOf(verifierFor(parsePolicy(kept('policy.json'), 'policy.json'), { roots }), 'keyless')
}

function trialOf(verifier: Verifier, corpus: string): Trial {
  const valid = keptInputs(corpus).filter(({ name }) => name.startsWith('valid-'))
  const known = new Set(valid.flatMap(({ bytes }) => parseBundles(bytes).map(meaning)))
  return {
    attempt: async (input) => {
      const { verdict } = await verifier.reexamine(input, KEPT)
      if (!verdict.ok) throw verdict.error
      const bundles = parseBundles(input)
      must(bundles.length > 0, 'it was verified without a bundle')
      for (const bundle of bundles) must(known.has(meaning(bundle)), 'it was verified, and nobody signed it')
      must(verdict.value.statement.name === KEPT.name, 'it was verified as another plugin')
      return verdict.value.statement
    },
  }
}

/** Changed tarballs that a trusted publisher signed: truthfully, or with the list of another where there is no truth to tell. */
export async function releaseTrial(read: (tarball: Buffer) => Archive): Promise<Trial> {
  const alice = await signer('alice')
  const verifier = verifierFor(trusting([alice], '*/*'), { readArchive: read })
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
