// What a build service states of a tarball names its digest and none of its files: the list is this host's own. That is less than a
// publisher's signature, and who is asked at a first install must not take it for one.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { consentText } from '../../../src/cli/consent-text.ts'
import { sha256, sha512 } from '../../../src/core/digest.ts'
import { STATEMENT_TYPE } from '../../../src/core/statement.ts'
import { grant, TrustFile } from '../../../src/verify/index.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'
import { packed } from '../../helpers/authority.ts'

const PROVENANCE = 'https://slsa.dev/provenance/v1'

test('the question says that no signer lists the files, and whose kind of statement counts', async (t) => {
  const attacked = await AttackedHome.make(t)
  const trustFile = new TrustFile(join(attacked.home, 'trust.json'), process.geteuid?.() ?? 0)
  await trustFile.edit((document) =>
    grant(document, { credential: attacked.publisher.key, pattern: 'acme/*', predicates: [PROVENANCE] }),
  )
  const tarball = packed({})
  const digest = { sha256: sha256(tarball), sha512: sha512(tarball) }
  const attested = join(attacked.base, 'release.tgz')
  writeFileSync(attested, tarball)
  const subject = [{ name: 'release.tgz', digest }]
  const statement = { _type: STATEMENT_TYPE, subject, predicateType: PROVENANCE, predicate: {} }
  writeFileSync(`${attested}.sigstore.json`, attacked.publisher.sign(statement))
  const signed = attacked.download(attacked.publisher.publish())

  const asked = (path: string) => attacked.with(async (manager) => consentText(await manager.preview(path), 80))
  const said =
    /^ {2}statements {3}https:\/\/slsa\.dev\/provenance\/v1\n {2}files {8}not listed by who signed it: this host lists them$/m
  assert.match(await asked(attested), said)
  assert.doesNotMatch(await asked(signed), /statements|not listed/)
})
