import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authority, trusting } from '../../helpers/authority.ts'
import { verdictOf } from '../../helpers/examine.ts'

const alice = await authority()
const policy = trusting([alice])
const files = { 'bin/tool': '#!/bin/sh\n', 'lib/a.js': 'a' }

// A trusted signer whose build was taken over signs the right tarball with a list that hides something: later checks of
// the installed tree against that list would then overlook it.
test('a list that leaves a file out is refused', async () => {
  const release = alice.publish({
    files,
    misstate: (statement) => ({ ...statement, files: statement.files.filter(({ path }) => path !== 'bin/tool') }),
  })
  assert.equal(await verdictOf(policy, release.staged), 'ARCHIVE_MISMATCH')
})

test('a list that adds a file is refused', async () => {
  const more = { path: 'zz.js', size: 1, executable: false, sha256: '0'.repeat(64) as never }
  const release = alice.publish({
    files,
    misstate: (statement) => ({ ...statement, files: [...statement.files, more] }),
  })
  assert.equal(await verdictOf(policy, release.staged), 'ARCHIVE_MISMATCH')
})

test('a list that makes a file executable, or not, is refused', async () => {
  const release = alice.publish({
    files,
    executable: ['bin/tool'],
    misstate: (statement) => ({ ...statement, files: statement.files.map((file) => ({ ...file, executable: false })) }),
  })
  assert.equal(await verdictOf(policy, release.staged), 'ARCHIVE_MISMATCH')
})
