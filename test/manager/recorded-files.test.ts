// Releases that other tools have signed: their statements list no files, so this host does, at install.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sha256, sha512 } from '../../src/core/digest.ts'
import { fileListOf, packageOf } from '../../src/core/layout.ts'
import { STATEMENT_TYPE } from '../../src/core/statement.ts'
import { grant, TrustFile } from '../../src/verify/index.ts'
import { authority, packed, type ReleaseSpec } from '../helpers/authority.ts'
import { DAY, HELLO, UnsignedHome } from '../helpers/unsigned-home.ts'

const PROVENANCE = 'https://slsa.dev/provenance/v1'

async function attested(t: TestContext, spec: ReleaseSpec = {}): Promise<UnsignedHome> {
  const home = new UnsignedHome(t)
  const publisher = await authority()
  const trustFile = new TrustFile(home.layout.trustFile, process.geteuid?.() ?? 0)
  await home.with(() => {})
  await trustFile.edit((document) =>
    grant(document, { credential: publisher.key, pattern: 'acme/*', predicates: [PROVENANCE] }),
  )
  const tarball = packed(spec)
  const path = home.tarball()
  writeFileSync(path, tarball)
  const digest = { sha256: sha256(tarball), sha512: sha512(tarball) }
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: 'release.tgz', digest }],
    predicateType: PROVENANCE,
    predicate: {},
  }
  writeFileSync(`${path}.sigstore.json`, publisher.sign(statement))
  const report = await home.with((manager) => manager.install(path, { consent: () => true }))
  assert.deepEqual([report.signers, report.unsignedUntil], [[publisher.keyId], null])
  return home
}

test('what another tool has signed is installed, with a list of its files, and runs', async (t) => {
  const home = await attested(t)
  await home.plan()
  assert.equal(existsSync(fileListOf(await home.release())), true)
  await home.with(async (manager) => {
    const { ok, unsignedUntil, checks } = await manager.verify(HELLO)
    assert.deepEqual([ok, unsignedUntil], [true, null])
    assert.match(checks.find(({ check }) => check === 'tree')?.detail ?? '', /recorded at install/)
  })
  home.nowMs += 365 * DAY
  await home.plan()
})

test('its list, and its tree, are what they were at install, or it does not run', async (t) => {
  const evil = 'console.log("HELLO")\n'
  const changes: Readonly<Record<string, (release: string) => void>> = {
    'files.json is gone': (release) => rmSync(fileListOf(release)),
    'files.json is not the one': (release) => {
      const list = readFileSync(fileListOf(release), 'utf8')
      writeFileSync(fileListOf(release), list.replace(sha256('console.log("hello")\n'), sha256(evil)))
      writeFileSync(join(packageOf(release), 'main.js'), evil)
    },
    'modified: main.js': (release) => writeFileSync(join(packageOf(release), 'main.js'), evil),
  }
  for (const [message, change] of Object.entries(changes)) {
    const home = await attested(t)
    change(await home.release())
    await assert.rejects(home.plan(), { code: 'MODIFIED', message: new RegExp(message) }, message)
  }
})

test('without the digest in its row, the list is not believed', async (t) => {
  const home = await attested(t)
  home.raw('UPDATE releases SET files_sha256 = NULL')
  await assert.rejects(home.plan(), { code: 'MODIFIED' })
})
