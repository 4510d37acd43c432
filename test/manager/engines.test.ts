import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { assertSupportedHere, enginesOf, unsupportedHere } from '../../src/manager/engines.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { compile } from '../helpers/compile.ts'
import { manifestOf } from './household.ts'

/** A program that says its version as Node does. */
const nodeOf = (version: string) =>
  compile(`#include <stdio.h>\nint main(void) { puts("v${version}"); return 0; }`, { static: true })

async function hostWith(t: TestContext, interpreters: (folder: string) => object = () => ({})) {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-engines-'))
  const home = join(folder, 'home')
  const open = async () => {
    const host = await openHost({ home })
    opened.push(host)
    return host
  }
  const opened: Host[] = []
  t.after(() => {
    for (const host of opened) host.store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const { layout } = await open()
  writeFileSync(layout.configFile, JSON.stringify({ interpreters: interpreters(folder) }), { mode: 0o600 })
  return { folder, host: await open(), open }
}

const manifest = (rest: object) => parseManifest(Buffer.from(manifestOf(rest)))

test('the Node that runs Bulkhead counts, unless the operator names another', async (t) => {
  const { host } = await hostWith(t)
  assert.equal(enginesOf(host).node, process.versions.node)
  const other = await nodeOf('30.1.2')
  const named = await hostWith(t, (folder) => {
    copyFileSync(other, join(folder, 'node'))
    return { node: join(folder, 'node') }
  })
  assert.equal(enginesOf(named.host).node, '30.1.2')
  await assertSupportedHere(named.host, manifest({ engines: { node: '>=30' } }))
})

test('an interpreter that was exchanged is asked again', async (t) => {
  const [before, after] = await Promise.all([nodeOf('30.1.2'), nodeOf('31.0.0')])
  const { folder, host, open } = await hostWith(t, (at) => {
    copyFileSync(before, join(at, 'node'))
    return { node: join(at, 'node') }
  })
  assert.equal(enginesOf(host).node, '30.1.2')
  rmSync(join(folder, 'node'))
  copyFileSync(after, join(folder, 'node'))
  assert.equal(enginesOf(await open()).node, '31.0.0')
})

test('a plugin for another Node is refused with what it needs and what is here', async (t) => {
  const { host } = await hostWith(t)
  const here = process.versions.node
  await assert.rejects(assertSupportedHere(host, manifest({ engines: { node: '>=99', bulkhead: '>=1' } })), {
    code: 'ENGINE_UNSUPPORTED',
    exitCode: 5,
    message: `cannot install acme/hello 1.0.0: it needs node >=99, this host has ${here}`,
    hint: /"interpreters".* in config\.json/,
  })
})

test('an interpreter that is not there, or could not be used in a sandbox, counts as none', async (t) => {
  const { host } = await hostWith(t, (folder) => ({ python: join(folder, 'python3') }))
  await assert.rejects(assertSupportedHere(host, manifest({ engines: { python: '*' } })), {
    code: 'ENGINE_UNSUPPORTED',
    message: /it needs python \*, this host has none that can be used/,
  })
})

test('a plugin for another machine is refused as such', async (t) => {
  const { host } = await hostWith(t)
  const other = process.arch === 'x64' ? 'linux/arm64' : 'linux/amd64'
  await assert.rejects(assertSupportedHere(host, manifest({ platforms: [other] })), { code: 'PLATFORM_UNSUPPORTED' })
})

test('a listed release gets the answer that its manifest will get', async (t) => {
  const { host } = await hostWith(t)
  const unsupported = await unsupportedHere(host)
  assert.equal(unsupported({ engines: { node: '>=22' }, platforms: null }), null)
  assert.match(unsupported({ engines: { node: '>=99' }, platforms: null }) ?? '', /^it needs node >=99, this host has/)
})
