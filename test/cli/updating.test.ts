// What the lifecycle says: of each plugin once, with advice that can be followed as it stands.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { withManifest } from '../manager/lifecycle/registered.ts'
import { onTerminal, type Shell, shell } from './cli.ts'

const HELLO = 'acme/hello'
const BASE = 'acme/base'
const wide = { permissions: { env: ['TOKEN'] } }

/** A home with one registry that has these. */
async function served(t: TestContext, ...specs: ReturnType<typeof withManifest>[]): Promise<Shell> {
  const own = await shell(t)
  const registry = join(own.folder, 'registry')
  mkdirSync(registry)
  specs.forEach((spec, at) => {
    const path = own.publish(spec)
    for (const end of ['', '.sigstore.json']) copyFileSync(`${path}${end}`, join(registry, `r${at}.tgz${end}`))
  })
  assert.equal(own.plugins(['registry', 'build', registry]).code, 0)
  assert.equal(own.plugins(['registry', 'add', 'main', registry]).code, 0)
  return own
}

test('an update of all has each plugin once, also where one needs another', async (t) => {
  const needs = { requires: { [BASE]: '*' } }
  const own = await served(t, withManifest(BASE, '1.0.0', {}), withManifest(HELLO, '1.0.0', needs))
  assert.equal(own.plugins(['install', HELLO, '--yes']).code, 0)
  const { stdout } = own.plugins(['update', '--all'])
  assert.equal(stdout.match(/^acme\/base /gm)?.length, 1)
})

test('advice names the version that it is about, and is given where it can be followed', async (t) => {
  const own = await served(
    t,
    withManifest(HELLO, '1.0.0', {}),
    withManifest(HELLO, '1.1.0', wide),
    withManifest(HELLO, '2.0.0', wide),
  )
  assert.equal(own.plugins(['install', `${HELLO}@1.0.0`, '--yes']).code, 0)
  assert.match(own.plugins(['outdated']).stderr, /^hint: plugins update acme\/hello$/m)
  const waiting = own.plugins(['update', HELLO, '--to', '^1'])
  assert.match(waiting.stderr, /plugins update acme\/hello --to 1\.1\.0 asks you/)
  assert.equal(own.plugins(['update', HELLO, '--yes']).code, 0)

  const back = own.plugins(['rollback', HELLO])
  assert.match(back.stderr, /plugins update acme\/hello --to 2\.0\.0/)
  const forth = own.plugins(['rollback', HELLO, '--to', '2.0.0'])
  assert.deepEqual([forth.code, forth.stderr], [0, ''])

  const older = own.plugins(['update', HELLO, '--to', '1.1.0', '--yes'])
  assert.deepEqual([older.code, /--allow-downgrade/.test(older.stderr)], [3, true])
  assert.equal(own.plugins(['update', HELLO, '--yes', '--allow-downgrade']).code, 2)
  assert.equal(own.plugins(['update', HELLO, '--to', '1.1.0', '--yes', '--allow-downgrade']).code, 0)

  const purge = own.plugins(['remove', HELLO, '--purge', '--dry-run'])
  assert.match(purge.stdout, /^would remove acme\/hello 1\.1\.0; its data, its logs and its user id would go too$/m)
})

test('what came from a file is told how it gets what a registry has', async (t) => {
  const own = await served(t, withManifest(HELLO, '1.1.0', {}))
  assert.equal(own.plugins(['install', own.publish(withManifest(HELLO, '1.0.0', {})), '--yes']).code, 0)
  assert.match(own.plugins(['outdated', HELLO]).stderr, /^hint: plugins install acme\/hello$/m)
  assert.match(own.plugins(['info', HELLO, '--versions']).stderr, /^hint: plugins install acme\/hello$/m)
  assert.equal(own.plugins(['install', HELLO, '--yes']).code, 0)
  assert.match(own.plugins(['info', HELLO]).stdout, /^version +1\.1\.0$[\s\S]*^from +registry main$/m)
})

test('where a registry cannot tell, nobody is told that all is up to date', async (t) => {
  const own = await served(t, withManifest(HELLO, '1.0.0', {}))
  assert.equal(own.plugins(['install', HELLO, '--yes']).code, 0)
  assert.equal(own.plugins(['outdated']).code, 0)
  assert.equal(own.plugins(['registry', 'remove', 'main']).code, 0)
  const { code, stdout } = own.plugins(['outdated'])
  assert.deepEqual([code, /no registry is configured/.test(stdout)], [1, true])
  assert.equal(own.json(['outdated']).code, 1)
})

test('what is held is said to be held once, and until when can be said in two ways', async (t) => {
  const own = await served(t, withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '2.0.0', {}))
  assert.equal(own.plugins(['install', `${HELLO}@1.0.0`, '--yes']).code, 0)
  assert.match(own.plugins(['hold', HELLO, '--until', 'soon']).stderr, /expected a duration such as 14d, or a date/)
  assert.equal(own.plugins(['hold', HELLO, '--reason', 'a freeze']).code, 0)
  assert.match(own.plugins(['outdated']).stdout, / held: a freeze$/m)
})

test('Ctrl-C at a question is no answer to it', async (t) => {
  const own = await served(t, withManifest(HELLO, '1.0.0', {}))
  const { code, stdout } = await onTerminal(own, `install ${HELLO}`, ['\u0003'])
  assert.deepEqual([code, /it was interrupted; nothing was changed/.test(stdout)], [130, true])
  assert.deepEqual(own.json(['list']).value, [])
})
