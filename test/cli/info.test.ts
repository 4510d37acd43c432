// What is shown of a plugin: of this host, and of its registry where it is not installed, which nobody has verified.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { withManifest } from '../manager/lifecycle/registered.ts'
import { type Shell, shell } from './cli.ts'

const BASE = 'acme/base'
const APP = 'acme/app'
const NEEDY = { description: 'shows the weather', requires: { [BASE]: '^1' }, engines: { node: '>=20' } }

/** A home, and a registry `main` with a base, what needs it, and what never runs here. */
async function served(t: TestContext): Promise<Shell & { registry: string }> {
  const own = await shell(t)
  const registry = join(own.folder, 'registry')
  mkdirSync(registry)
  const specs = [
    withManifest(BASE, '1.0.0', {}),
    withManifest(BASE, '1.1.0', {}),
    withManifest(BASE, '2.0.0', {}),
    withManifest(APP, '1.0.0', NEEDY),
    withManifest(APP, '2.0.0', { engines: { node: '>=99' } }),
  ]
  specs.forEach((spec, at) => {
    const path = own.publish(spec)
    for (const end of ['', '.sigstore.json']) copyFileSync(`${path}${end}`, join(registry, `r${at}.tgz${end}`))
  })
  assert.equal(own.plugins(['registry', 'build', registry]).code, 0)
  assert.equal(own.plugins(['registry', 'add', 'main', registry]).code, 0)
  return Object.assign(own, { registry })
}

test('what is not installed is shown as its registry lists it, with what would come and why not the newest', async (t) => {
  const own = await served(t)
  const yank = ['registry', 'yank', own.registry, `${BASE}@1.1.0`, '--reason', 'loses data']
  assert.equal(own.plugins(yank).code, 0)
  const { code, stdout, stderr } = own.plugins(['info', APP])
  assert.equal(code, 0)
  for (const row of [
    /^name +acme\/app$/m,
    /^installed +no$/m,
    /^registry +main$/m,
    /^newest +2\.0\.0$/m,
    /^would come +1\.0\.0$/m,
    /^because +it needs node >=99, this host has \d/m,
    /^with it +acme\/base 1\.0\.0$/m,
    /^description +shows the weather$/m,
    /^requires +acme\/base \^1$/m,
    /^engines +node >=20$/m,
    /^platforms +all$/m,
    /^2\.0\.0 +\d{4}-\d\d-\d\d +\S+ +it needs node >=99/m,
    /^1\.0\.0 +\d{4}-\d\d-\d\d +\S+$/m,
  ])
    assert.match(stdout, row)
  assert.match(
    stderr,
    /This is what the registry says; it is verified when it is installed\.\nhint: plugins install acme\/app$/m,
  )
  assert.match(own.plugins(['info', BASE]).stdout, /^1\.1\.0 .* yanked: loses data$/m)

  const { value } = own.json(['info', APP])
  const { installed, isVerified, version, brings, releases } = value as Record<string, unknown> & { releases: object[] }
  assert.deepEqual([installed, isVerified, version, releases.length], [null, false, '1.0.0', 2])
  assert.deepEqual(
    (brings as { name: string; version: string }[]).map((one) => [one.name, one.version]),
    [[BASE, '1.0.0']],
  )
  assert.equal(own.plugins(['list']).stdout, '', 'asking installs nothing')
})

test('what is neither here nor listed is not installed, and says which registry was asked', async (t) => {
  const own = await served(t)
  const { code, stderr } = own.plugins(['info', 'acme/none'])
  assert.equal(code, 4)
  assert.match(
    stderr,
    /^plugins: cannot show acme\/none: it is not installed, and registry main has no such plugin\n\nhint: plugins search none$/m,
  )
  assert.equal(own.plugins(['registry', 'remove', 'main']).code, 0)
  assert.match(own.plugins(['info', APP]).stderr, /it is not installed, and no registry is configured/)
  assert.match(own.plugins(['info', APP, '--registry', own.registry]).stderr, /plugins install acme\/app --registry \//)
})

test('of what is installed, also who needs it, where it is from, who holds it, what is kept and what waits', async (t) => {
  const own = await served(t)
  assert.equal(own.plugins(['install', `${BASE}@1.0.0`, '--yes']).code, 0)
  assert.equal(own.plugins(['install', APP, `${BASE}@^1`, '--yes']).code, 0)
  assert.equal(own.plugins(['hold', BASE, '--reason', 'a freeze']).code, 0)
  const { stdout } = own.plugins(['info', BASE])
  for (const row of [
    /^version +1\.1\.0$/m,
    /^held +until unhold, by \S/m,
    /^because +a freeze$/m,
    /^from +registry main$/m,
    /^asked for +\^1$/m,
    /^kept +1\.0\.0$/m,
    /^needed by +acme\/app 1\.0\.0 \(\^1\)$/m,
    /^requires +none$/m,
  ])
    assert.match(stdout, row)
  assert.match(own.plugins(['info', APP]).stdout, /^requires +acme\/base \^1$/m)
  const { value } = own.json(['info', BASE])
  const { asked, source, hold, neededBy, waits } = value as Record<string, { reason?: string }>
  assert.deepEqual(
    [asked, source, hold?.reason, neededBy, waits],
    ['^1', 'main', 'a freeze', [{ name: APP, version: '1.0.0', range: '^1' }], null],
  )

  const versions = own.plugins(['info', BASE, '--versions'])
  assert.match(versions.stdout, /^installed +1\.1\.0$/m)
  assert.match(versions.stdout, /^would come +nothing newer$/m)
  assert.match(versions.stdout, /^1\.1\.0 .* installed$/m)
})

test('what can be set of a plugin is shown, and which of it is, but no value', async (t) => {
  const own = await shell(t)
  const config = {
    units: { type: 'string', enum: ['si', 'us'], default: 'si' },
    key: { type: 'string', secret: true, required: true },
    depth: { type: 'integer' },
  }
  const path = own.publish(withManifest(BASE, '1.0.0', { config }))
  assert.equal(own.plugins(['install', path, '--yes']).code, 0)
  const shown = () => own.plugins(['info', BASE]).stdout
  assert.match(
    shown(),
    /^settings +units \(si or us, else si\), key \(string, secret, needed\), depth \(integer, optional\)$/m,
  )
  writeFileSync(own.layout.configFile, JSON.stringify({ plugins: { [BASE]: { settings: { key: 'the-secret' } } } }), {
    mode: 0o600,
  })
  assert.match(shown(), /key \(string, secret, set\)/)
  assert.doesNotMatch(shown() + own.plugins(['--json', 'info', BASE]).stdout, /the-secret/)
})
