// Writes keys/public-good.trusted_root.json: the trusted root of Sigstore's public-good instance, as the package
// @sigstore/tuf (in the lock file, by digest) carries it. To refresh it, update that package and run this again.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const seeds = JSON.parse(readFileSync(join(root, 'node_modules', '@sigstore', 'tuf', 'seeds.json'), 'utf8'))
const target = seeds['https://tuf-repo-cdn.sigstore.dev'].targets['trusted_root.json']
writeFileSync(join(root, 'keys', 'public-good.trusted_root.json'), Buffer.from(target, 'base64'))
