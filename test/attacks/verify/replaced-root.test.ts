// Identities are bound to a root by its name. A file that is taken over under that name, which may only follow from how
// the file is called, puts its authorities in the place of those the operator had looked at.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Forge } from '../../helpers/forge.ts'
import { household } from '../../manager/household.ts'

const ACME = { issuer: 'https://issuer.example', identity: 'https://example.com/acme/release' }

function rootFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-root-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'root.json')
  writeFileSync(file, JSON.stringify(new Forge().trustedRoot))
  return file
}

test('whoever takes the place of the public-good root is said to, with whom it may vouch for from now on', async (t) => {
  const { manager } = await household(t)
  const packaged = (await manager.roots.list())[0]?.digest
  await manager.trust.addIdentity(ACME, { pattern: 'acme/*', principal: 'acme' })
  const { notes } = await manager.roots.add(rootFile(t), 'public-good')
  assert.match(notes.join('\n'), new RegExp(`takes the place of the one that was there, sha256:${packaged}`))
  assert.match(notes.join('\n'), /identities of acme are bound to public-good/)

  const removed = await manager.roots.remove('public-good')
  assert.match(removed.notes.join('\n'), new RegExp(`comes with Bulkhead again, sha256:${packaged}`))
  assert.match(removed.notes.join('\n'), /identities of acme are bound to public-good/)
})

test('so is another file under a name that is taken', async (t) => {
  const { manager } = await household(t)
  const file = rootFile(t)
  const first = await manager.roots.add(file, 'own')
  assert.doesNotMatch(first.notes.join('\n'), /takes the place|are bound/)
  await manager.trust.addIdentity({ ...ACME, root: 'own' }, { pattern: 'acme/*', principal: 'acme' })
  assert.match((await manager.roots.add(rootFile(t), 'own')).notes.join('\n'), /sha256:.*\n.*acme are bound to own/)
})

test('a root that nobody is bound to is said to tell the time all the same', async (t) => {
  const { manager } = await household(t)
  const { notes } = await manager.roots.add(rootFile(t), 'own')
  assert.match(notes.join('\n'), /tell, for every signer, what is older than the --since of a revocation/)
})

test('a root that was broken can be replaced', async (t) => {
  const { manager, layout } = await household(t)
  const file = rootFile(t)
  await manager.roots.add(file, 'own')
  writeFileSync(join(layout.roots, 'own.json'), '{}')
  assert.equal((await manager.roots.add(file, 'own')).name, 'own')
})
