import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ARCHIVE_BOUNDS, type StagedTarball } from '../../src/core/archive.ts'
import { readArchive } from '../../src/core/archive-reader.ts'
import { sha256, sha512 } from '../../src/core/digest.ts'
import { Layout } from '../../src/core/layout.ts'
import type { SignedFile } from '../../src/core/statement.ts'
import type { VerifiedRelease } from '../../src/core/verified.ts'
import { Trees } from '../../src/store/trees.ts'
import { type TarPart, tarOf } from '../helpers/hostile-archive.ts'
import { unpackable } from '../helpers/unpackable.ts'

export const LAUNCHER = join('dist/launcher', `linux-${process.arch}`, 'bulkhead-launch')

export const MAIN = 'console.log("hello")\n'
export const FILES: readonly TarPart[] = [
  { name: 'main.js', body: MAIN, mode: 0o755 },
  { name: 'lib/', type: '5', mode: 0o700 },
  { name: 'lib/deep/er/a.txt', body: 'a' },
  { name: 'lib/writable.txt', body: 'w', mode: 0o666 },
  { name: 'empty.txt' },
]

/** Enough files that the tree is not hashed whole at every check. */
export const LARGE: readonly TarPart[] = [
  ...FILES,
  ...Array.from({ length: 300 }, (_, at) => ({ name: `many/${at % 10}/f${at}.txt`, body: `file ${at}` })),
]

/** A home for one test at a time, and its trees: which ones a test may exchange. */
export class TreesHouse {
  home = ''
  trees = new Trees({ layout: new Layout('/nowhere') })

  get staging(): string[] {
    return existsSync(join(this.home, 'staging')) ? readdirSync(join(this.home, 'staging')) : []
  }

  async install(release: VerifiedRelease = releaseOf()): Promise<string> {
    return this.trees.promote(await this.trees.unpack(release), nameOf(release))
  }
}

/** A new one before each test of the file that asks for it; gone after the test. */
export function houseOfEach(): TreesHouse {
  const house = new TreesHouse()
  beforeEach(() => {
    house.home = mkdtempSync(join(tmpdir(), 'bulkhead-trees-'))
    house.trees = new Trees({ layout: new Layout(house.home) })
  })
  afterEach(() => rmSync(house.home, { recursive: true, force: true }))
  return house
}

export function releaseOf(parts: readonly TarPart[] = FILES): VerifiedRelease {
  const bytes = gzipSync(tarOf(...parts), { level: 1 })
  return unpackable(readArchive(bytes, ARCHIVE_BOUNDS), stagedOf(bytes))
}

export const stagedOf = (bytes: Buffer): StagedTarball => ({
  source: 'x.tgz',
  bytes,
  sha256: sha256(bytes),
  sha512: sha512(bytes),
  bundle: null,
})

export const nameOf = ({ manifest, tarball }: VerifiedRelease) => ({
  name: manifest.name,
  version: manifest.version,
  digest: tarball.sha256,
})

export const filesOf = (release: VerifiedRelease): readonly SignedFile[] => release.verified.statement.files

/** Walks as the launcher does, so that the seal's path is tested where the launcher is not built. */
export class Sealer {
  folder = ''

  get program(): string {
    return join(this.folder, 'sealer')
  }
}

/** One for all tests of the file that asks for it. */
export function sealerOfAll(): Sealer {
  const sealer = new Sealer()
  before(() => {
    sealer.folder = mkdtempSync(join(tmpdir(), 'bulkhead-sealer-'))
    const script = `import { lstatSync, readdirSync, appendFileSync } from 'node:fs'
if (process.argv[2] !== '--seal') process.exit(125)
appendFileSync(import.meta.dirname + '/calls', '.')
let out = ''
const walk = (folder) => {
  for (const name of readdirSync(process.argv[3] + '/' + folder).sort()) {
    const path = folder + name
    const s = lstatSync(process.argv[3] + '/' + path, { bigint: true })
    const type = s.isFile() ? 'f' : s.isDirectory() ? 'd' : '?'
    out += path + '\\0' + [type, s.dev, s.ino, s.size, (s.mode & 0o7777n).toString(8), s.mtimeNs, s.ctimeNs].join(' ') + '\\n'
    if (type === 'd') walk(path + '/')
  }
}
walk('')
process.stdout.write(out)
`
    writeFileSync(`${sealer.program}.mjs`, script)
    // Not by a first line that names Node: that takes no path with a blank in it.
    writeFileSync(sealer.program, `#!/bin/sh\nexec '${process.execPath}' '${sealer.program}.mjs' "$@"\n`, {
      mode: 0o755,
    })
  })
  after(() => rmSync(sealer.folder, { recursive: true, force: true }))
  return sealer
}
