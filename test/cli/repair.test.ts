import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { packageOf } from '../../src/core/layout.ts'
import { shell } from './cli.ts'

async function installed(t: TestContext) {
  const own = await shell(t)
  const tarball = own.publish({ files: { 'main.js': 'one()' } })
  own.plugins(['install', tarball, '--yes'])
  const plugin = join(own.layout.plugins, 'acme/hello')
  const release = join(plugin, readdirSync(plugin)[0] ?? '')
  return { own, tarball, plugin, file: join(packageOf(release), 'main.js') }
}

test('repair says what is good, what it cannot do and what it needs, and does it with that', async (t) => {
  const { own, tarball, file } = await installed(t)
  const good = own.plugins(['repair', 'acme/hello'])
  assert.deepEqual([good.code, good.stdout], [0, 'acme/hello 1.0.0: good, every file as it was signed\n'])

  rmSync(file)
  const failed = own.plugins(['repair', '--all'])
  assert.deepEqual([failed.code, failed.stdout], [1, 'acme/hello 1.0.0: not repaired (REPAIR_FAILED)\n'])
  assert.match(failed.stderr, /no version here has main\.js as signed; needed is the tarball sha256:/)
  assert.match(failed.stderr, /hint: plugins repair acme\/hello --from acme-hello-1\.0\.0\.tgz/)
  const planned = own.plugins(['repair', 'acme/hello', '--from', tarball, '--dry-run'])
  assert.deepEqual(
    [planned.code, planned.stdout],
    [0, 'acme/hello 1.0.0: would be repaired from its tarball (1 missing)\n'],
  )
  const done = own.json(['repair', 'acme/hello', '--from', tarball]) as { code: number; value: object }
  assert.equal(done.code, 0)
  assert.deepEqual((done.value as { releases: { outcome: string }[] }).releases[0]?.outcome, 'repaired')
  assert.equal(own.plugins(['verify', 'acme/hello']).code, 0)
})

test('repair fetches from a registry that is named', async (t) => {
  const { own, tarball, file } = await installed(t)
  rmSync(file)
  const registry = dirname(tarball)
  assert.equal(own.plugins(['registry', 'build', registry]).code, 0)
  const { code, stdout, stderr } = own.plugins(['repair', 'acme/hello', '--registry', registry])
  assert.deepEqual([code, stdout], [0, 'acme/hello 1.0.0: repaired from its tarball (1 missing)\n'], stderr)
})

test('repair without a name and without --all is a mistake', async (t) => {
  const own = await shell(t)
  assert.equal(own.plugins(['repair']).code, 2)
  assert.equal(own.plugins(['repair', 'acme/hello', '--all']).code, 2)
})

test('gc says what it removes, what it leaves, and what is missing', async (t) => {
  const { own, plugin } = await installed(t)
  mkdirSync(join(plugin, '2.0.0-0123456789ab'))
  writeFileSync(join(plugin, 'evil\u001b[31m'), '')
  const planned = own.plugins(['gc', '--dry-run'])
  assert.match(planned.stdout, /^acme\/hello +release +2\.0\.0-0123456789ab +4K$/m)
  assert.match(planned.stderr, /^would remove 1 thing, 4K$/m)
  const done = own.plugins(['gc'])
  assert.equal(done.code, 0)
  assert.match(done.stderr, /^removed 1 thing, 4K$/m)
  assert.match(done.stderr, /^not ours, and left alone: .*evil\\u001b\[31m$/m)
  rmSync(join(plugin, readdirSync(plugin).find((name) => name.startsWith('1')) ?? ''), { recursive: true })
  const again = own.plugins(['gc'])
  assert.match(again.stderr, /^there is nothing to remove$/m)
  assert.match(again.stderr, /^missing: the files of acme\/hello 1\.0\.0; plugins repair acme\/hello$/m)
})
